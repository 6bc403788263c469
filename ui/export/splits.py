"""Into which files the records are parted, for training and for measuring."""

from __future__ import annotations

import streamlit as st

from dataflow_core.exporting.plan import Splits, Stratum

SPLIT_NAMES = {"": "All", "train": "Train", "validation": "Validation", "test": "Test"}
_ONE, _TWO, _THREE = "One file", "Train, validation", "Train, validation, test"
_STRATA: dict[str, Stratum] = {"all of them": "", "each intent": "intent", "each run": "run"}


def choose_splits() -> Splits:
    """Show the choice; all in one file at first."""
    parts = st.segmented_control(
        "Splits",
        [_ONE, _TWO, _THREE],
        default=_ONE,
        required=True,
        key="export_splits",
        wrap=True,
        persist_state="session",
        help="Records that are nearly the same, or were made from the same input, are never parted.",
    )
    if parts == _ONE:
        return Splits()
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        validation = _share("Validation", "export_validation")
        test = _share("Test", "export_test") if parts == _THREE else 0
        stratum: str = st.selectbox(
            "Same shares in",
            list(_STRATA),
            key="export_stratify",
            persist_state="session",
            width=130,
        )
        seed = st.number_input(
            "Seed",
            min_value=0,
            max_value=2**31 - 1,
            value=0,
            step=1,
            key="export_seed",
            persist_state="session",
            width=105,
            help="The same seed parts the same records alike.",
        )
    return Splits(
        train=(100 - validation - test) / 100,
        validation=validation / 100,
        test=test / 100,
        seed=int(seed),
        stratify=_STRATA[stratum],
    )


def _share(label: str, key: str) -> int:
    """In per cent."""
    return int(
        st.number_input(
            f"{label}, %", min_value=1, max_value=45, value=10, step=1, key=key, persist_state="session", width=105
        )
    )
