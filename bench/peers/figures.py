"""Samples to figures: medians, ratios, and how much to give whom."""

import statistics


def percentile(values, percent):
    """The nearest rank; no interpolation between what was never seen."""
    ranked = sorted(values)
    rank = -(-len(ranked) * percent // 100)
    return ranked[max(0, rank - 1)]


def latencies(sample):
    """(p50, p99) in microseconds of one run."""
    if sample.p50_us is not None:
        return sample.p50_us, sample.p99_us
    return (percentile(sample.latencies_us, 50),
            percentile(sample.latencies_us, 99))


def summary(work, samples):
    """What a row says of its runs."""
    if work.latency:
        halves = [latencies(sample) for sample in samples]
        middles = [p50 for p50, _ in halves]
        return {"median": statistics.median(middles),
                "p99": statistics.median(p99 for _, p99 in halves),
                "least": min(middles), "most": max(middles),
                "size": samples[-1].done, "runs": len(samples)}
    rates = [sample.rate for sample in samples]
    return {"median": statistics.median(rates), "least": min(rates),
            "most": max(rates), "size": samples[-1].done,
            "runs": len(samples)}


def ratio(work, row, base):
    """How many times as good as `row` the base is; over 1: base is better."""
    if work.latency:
        return row["median"] / base["median"]
    return base["median"] / row["median"]


def next_size(seconds, sample, most, least=1):
    """How much takes about `seconds` at the speed of this sample.

    Rounded to one digit, so that tables can be read; never over `most`.
    """
    if sample.seconds <= 0:
        return most
    wanted = sample.rate * seconds
    if wanted >= most:
        return most
    power = 10 ** max(0, len(str(int(wanted))) - 1)
    return max(least, int(wanted // power * power))


def human(value):
    """1,234,567 -> '1,234,567'; 0.123 -> '0.12'; three digits at least."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
