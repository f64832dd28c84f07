"""Profiles made up for tests: round numbers that are easy to check."""

from tvm_bnn.profiling.model import Device, OperatorProfile, Profile, Total

KINDS = (("stem.0", "real_conv2d"), ("conv", "conv2d"), ("attend", "pooled_attention"), ("pool", "avg_pool2d"))


def operator(name: str, kind: str, ms: float | None, whole: float = 10.0) -> OperatorProfile:
    """An operator of a million multiply-accumulates, or of none where it only moves data."""
    macs = 0 if kind == "avg_pool2d" else 1_000_000
    binary = kind in ("conv2d", "pooled_attention")
    return OperatorProfile(
        name=name,
        kind=kind,
        shape="3x3 64->64 8x8",
        lowering="popcount-lanes",
        schedule="tuned",
        evidence="measured",
        median_ms=ms,
        share=None if ms is None else ms / whole,
        binary_macs=macs if binary else 0,
        real_macs=0 if binary else macs,
        ops=2.0 * macs / (64 if binary else 1),
        bytes=50_000,
        gops=None if ms is None else 2 * macs / ms / 1e6,
        roofline_fraction=None if ms is None else 0.5,
        rank_score=1e6 if ms is None else None,
    )


def measured(times: tuple[float, ...] = (4.0, 3.0, 2.0, 1.0), **changes: object) -> Profile:
    """Ten milliseconds, give or take a twentieth."""
    operators = [operator(name, kind, ms) for (name, kind), ms in zip(KINDS, times, strict=True)]
    profile = Profile(
        model="kitti-road",
        width="S",
        input_size=(96, 320),
        target="x86-avx512",
        threads=2,
        evidence="measured",
        device=Device(name="A <b>CPU</b>", architecture="x86_64", logical_cores=2),
        total=Total(median_ms=10.0, p5_ms=9.5, p95_ms=10.5, runs=30),
        operators=operators,
    )
    return profile.model_copy(update=changes)


def estimated(**changes: object) -> Profile:
    """The same by a model of another target."""
    whole = measured().model_dump()
    whole |= {
        "target": "rpi4",
        "threads": 1,
        "evidence": "estimated",
        "total": {"median_ms": 100.0, "p5_ms": None, "p95_ms": None, "runs": 0},
        "left_out": ["clock and heat"],
    }
    return Profile.model_validate(whole).model_copy(update=changes)
