"""Every error of the project hangs on one tree, drawn here. `tests/shards/test_errors.py` compares it with the code.

A class of the tree says what a user has to know, in its message, without a traceback; each lives beside the code that
raises it. What ends a command and is not of the tree, and not the world's (OSError: a full disk, a missing file), is a
mistake of ours: it keeps its traceback and ends with 1.

FldError                              exit code 2, where nothing else is said
    SettingsError                     what was asked for cannot be done
        ConfigError                   a setting or an option, each with its name
        ColumnError                   annotators that do not go together
        QueryError                    a condition that the summary of a round cannot answer
        TrustError                    settings of a corpus that this user never gave it
        FactoryError                  a class of your own that is not there or lacks a method
        CustomError                   a filter of your own that breaks its contract
    InputError                        what was put in cannot be read
        SourceError                   a list, a tar, an annotation file
        RowError                      one row of a list
        _LabelError                   one label of a COCO file
        LabelError                    one label of a VOC or YOLO file
        LabelLineError                one line of a YOLO file
        PlanError                     sources or settings that contradict the plan of the corpus
        DuplicateKeyError             two images, one key
        FrameError                    given annotations of another picture
        RecordError                   a record that is none
        LineError                     a correction that cannot be taken in
        TarError                      a tar that cannot be written, or is not as it was written
        DecodeError                   one file that gives no correct picture
        JpegDamageError               one JPEG whose stream is damaged
        PictureError                  a picture that `fld export` cannot link
        FetchError                    one file or URL that could not be read
        RefusedAddressError           one URL that leads into a private network
    CorpusError                       a corpus that cannot be used as it is
        StoreError                    its URL cannot be opened
        CorpusLockedError             4: another process works on it
        DamageError                   5: files that are not as they were written
    ModelError                        a model cannot do its work
        SpecialistError               not loaded, or it failed on a batch
            MissingRequirementError   a package or weights that are not there
            ItemError                 no acceptable answer for one image
        ParserError                   the spaCy pipeline
        StartError                    an annotator or Ray that did not start
        RetrainError                  training cannot start or go on
    StoppedError                      the work ended before it was done
        FailureBudgetError            3: more images failed than may
        IngestBudgetError             3: likewise, while ingesting
        WorkerError                   processes that read images die again and again
        RunStopError                  an endpoint that does nothing more for us: key, model, credit, budget
        RefusedError                  6: the gate refused a model, and there is no other
        WatchError                    7: the loop feeds on its own labels
"""

from typing import ClassVar


class FldError(Exception):
    """`exit_code`: of the command that it ends."""

    exit_code: ClassVar[int] = 2


class SettingsError(FldError, ValueError):
    """What was asked for cannot be done."""


class InputError(FldError, ValueError):
    """What was put in cannot be read."""


class CorpusError(FldError, RuntimeError):
    """A corpus that this release cannot use as it is; the message says what to do."""


class DamageError(CorpusError):
    """Files of a corpus that are not as they were written."""

    exit_code = 5


class ModelError(FldError, RuntimeError):
    """A model, or what it needs, cannot do its work."""


class StoppedError(FldError, RuntimeError):
    """The work ended before it was done; what was finished is kept."""
