"""What a whole run will take, reckoned from what the inputs tried so far have taken."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from dataflow_core.models import Usage

#: The 95th percentile of Student's t by degrees of freedom, from 1: nine in ten values lie within ± that.
_STUDENT = (6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812)
#: Beyond these the normal distribution's is near, and nearer with a correction that shrinks with the number of inputs.
_NORMAL, _CORRECTION = 1.645, 1.524
#: From one input alone nothing is known of the spread.
_HALF, _DOUBLE = 0.5, 2.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What all `inputs` should take in the end, the `tried` ones among them: nine times in ten `low` to `high`."""

    tried: int
    inputs: int
    expected: Usage
    low: Usage
    high: Usage


def estimate(per_input: Sequence[Usage], inputs: int) -> Estimate | None:
    """Estimate from what each input tried has taken; None when none was.

    The range is the 90 % prediction interval for what is left, a sum of as many draws from where the tried ones came
    from, on top of what they took. It takes the inputs tried for typical of the rest.
    """
    if not per_input:
        return None
    left = max(0, inputs - len(per_input))
    prompt = _range([usage.prompt_tokens for usage in per_input], left)
    completion = _range([usage.completion_tokens for usage in per_input], left)
    low, expected, high = (Usage(*bounds) for bounds in zip(prompt, completion, strict=True))
    return Estimate(len(per_input), inputs, expected, low, high)


def _range(tried: Sequence[int], left: int) -> tuple[int, int, int]:
    spent, n = sum(tried), len(tried)
    rest = left * spent / n
    if n == 1:
        return spent + round(_HALF * rest), spent + round(rest), spent + round(_DOUBLE * rest)
    # The sum's own spread, and that of the mean it is reckoned from.
    spread = statistics.stdev(tried) * math.sqrt(left + left**2 / n)
    margin = spread * _percentile(n - 1)
    return spent + round(max(0.0, rest - margin)), spent + round(rest), spent + round(rest + margin)


def _percentile(freedom: int) -> float:
    return _STUDENT[freedom - 1] if freedom <= len(_STUDENT) else _NORMAL + _CORRECTION / freedom
