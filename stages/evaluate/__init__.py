"""How good are labels? Records against gold records: boxes, masks, captions, phrases and words.

    from stages.evaluate.report import measure_records
    table = measure_records(predicted, gold)        # {"boxes/map50": Estimate(0.91, low 0.89, high 0.93, of 1204), ...}

Every number comes with a 95% interval from resampling images (stages/evaluate/bootstrap.py).
"""
