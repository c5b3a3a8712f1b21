"""The small real model of the tests, fetched once through the catalogue; without network and copy
the tests are skipped.
"""

from functools import cache

import pytest

from agent.catalogue import ModelSpec
from agent.pull import PullFailed, pull


@cache
def small_model() -> ModelSpec:
    try:
        return pull("smollm2-135m")
    except PullFailed as failure:
        pytest.skip(str(failure))
