"""A model's processor is had without its weights, for the viewer and for counting tokens."""

import pytest

from tests.engine_runs import small
from tsft.errors import UserError


def test_the_reader_of_a_config_reads_as_its_model_does(bench):
    reader = bench.engine.reader(small(data__datasets="other"))
    assert reader is bench.engine.reader(small(optim__learning_rate=5e-4))
    turns = [{"role": "user", "content": "温度 <ts><ts/> 上升?"}, {"role": "assistant", "content": "Yes 😀."}]
    encoded = reader.encode(turns, [[1.0, 2.0, 4.0]])
    pieces = reader.pieces(encoded.input_ids)
    assert len(pieces) == len(encoded.input_ids)
    assert "Yes 😀." in "".join(pieces) and "\ufffd" not in "".join(pieces)
    assert encoded.input_ids.count(reader.series_id) == 1


def test_a_model_that_is_not_here_is_said(bench):
    with pytest.raises(UserError):
        bench.engine.reader(small(model__name="Qwen/no-such-model"))
