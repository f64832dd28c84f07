"""The official figures computed pixel by pixel and threshold by threshold, as their definitions read.

Slow, and without anything of the code that is tested.
"""

from collections.abc import Sequence
from fractions import Fraction

Pixels = Sequence[tuple[int, int]]
"""Label 0, 1 or 255, and the confidence 0..255 that it is 1."""


def counts(pixels: Pixels, threshold: int) -> tuple[int, int, int, int]:
    """TP, FP, FN, TN where a pixel is taken for 1 from a confidence of ``threshold``."""
    tp = sum(1 for label, value in pixels if label == 1 and value >= threshold)
    fp = sum(1 for label, value in pixels if label == 0 and value >= threshold)
    fn = sum(1 for label, value in pixels if label == 1 and value < threshold)
    tn = sum(1 for label, value in pixels if label == 0 and value < threshold)
    return tp, fp, fn, tn


def f_of(precision: Fraction, recall: Fraction, beta_squared: Fraction) -> Fraction:
    below = beta_squared * precision + recall
    return (1 + beta_squared) * precision * recall / below if below else Fraction(0)


def shares(pixels: Pixels, threshold: int) -> tuple[Fraction, Fraction]:
    """Precision and recall."""
    tp, fp, fn, _ = counts(pixels, threshold)
    return Fraction(tp, tp + fp) if tp + fp else Fraction(0), Fraction(tp, tp + fn)


def road(pictures: Sequence[Pixels]) -> dict[str, float]:
    """MaxF and the rest over all pixels of all pictures."""
    pixels = [pixel for picture in pictures for pixel in picture]
    points = [shares(pixels, threshold) for threshold in range(256)]
    scores = [f_of(*point, Fraction(1)) for point in points]
    best = scores.index(max(scores))
    tp, fp, fn, tn = counts(pixels, best)
    precisions = [max(p for p, r in points if r >= Fraction(step, 10)) for step in range(11)]
    exact = {
        "max_f": scores[best],
        "ap": sum(precisions, Fraction(0)) / 11,
        "precision": points[best][0],
        "recall": points[best][1],
        "fpr": Fraction(fp, fp + tn),
        "fnr": Fraction(fn, fn + tp),
    }
    return {name: float(value) for name, value in exact.items()}


def saliency(pictures: Sequence[Pixels]) -> dict[str, float]:
    """Maximal F of averaged precision and recall, and the mean of the pictures' absolute errors."""
    best = Fraction(0)
    for threshold in range(256):
        points = [shares(picture, threshold) for picture in pictures if any(label == 1 for label, _ in picture)]
        precision, recall = (sum(values, Fraction(0)) / len(points) for values in zip(*points, strict=True))
        best = max(best, f_of(precision, recall, Fraction(3, 10)))
    errors = []
    for picture in pictures:
        known = [abs(Fraction(value, 255) - label) for label, value in picture if label != 255]
        errors.append(sum(known, Fraction(0)) / len(known))
    return {"max_f": float(best), "mae": float(sum(errors, Fraction(0)) / len(errors))}
