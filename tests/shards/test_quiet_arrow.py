import subprocess
import sys

import pytest


@pytest.mark.thorough
def test_reading_and_writing_tables_imports_no_pandas() -> None:
    code = (
        "import sys; import shards.table, pyarrow as pa, pyarrow.compute as pc;"
        "pa.table({'a': ['x']}).filter(pc.field('a') == 'x').to_pylist();"
        "assert 'pandas' not in sys.modules, 'imported by accident';"
        "import pandas; assert pa.table({'a': [1]}).to_pandas().a[0] == 1"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
