"""Gradient descent with switches, on any parameters: which way, how far, from where, with which gradient, what is kept.

Parameters and gradients are dicts of arrays or tensors; `gradients` and `loss` are those of an exercise.
"""

RATES = {
    "given": lambda lr, t: lr,
    "none": lambda lr, t: 1.0,
    "0.01": lambda lr, t: 0.01,
    "squared": lambda lr, t: lr * lr,
    "inverse": lambda lr, t: 1 / lr,
    "twice": lambda lr, t: 2 * lr,
    "shrinking": lambda lr, t: lr / (t + 1),
}
STEPS = {
    "n": lambda n: n,
    "one less": lambda n: n - 1,
    "one more": lambda n: n + 1,
    "one": lambda n: 1,
}


def descent(
    params,
    gradients,
    loss,
    lr,
    n_steps,
    examples,
    rate="given",
    uphill=False,
    gradient="fresh",
    base="last",
    begin="given",
    steps="n",
    record="all",
    report=1.0,
    scale=1.0,
    still=(),
    unscaled=(),
    order="together",
):
    """The parameters after the last step, and the losses.

    Args:
        params: where the descent starts, by name.
        gradients: takes parameters and a slice of the examples to their gradients, by name.
        loss: takes parameters to their loss.
        lr, n_steps: as the exercise has them.
        examples: how many there are.
        rate, uphill, gradient, base, begin, steps, record: what may be another than it should be.
        report: factor on the losses that are kept.
        scale: factor on the gradients.
        still: names of parameters that never move.
        unscaled: names of parameters that move by their gradient, without a rate.
        order: "together", or "one after the other": each by the gradient at what the ones before it have become.
    """
    everything = slice(None)
    start = {name: 0 * value for name, value in params.items()} if begin == "zero" else dict(params)
    here, piled = dict(start), {name: 0 * value for name, value in params.items()}
    first = gradients(start, everything)
    count = STEPS[steps](n_steps)
    losses = [loss(here)]

    def stepped(here, t, rows, names):
        found = first if gradient == "once" else gradients(here, rows)
        for name in names if gradient == "piled up" else ():
            piled[name] = piled[name] + found[name]
        found = piled if gradient == "piled up" else found
        sign = 1.0 if uphill else -1.0
        origin = {"last": here, "start": start, "nowhere": {name: 0 * value for name, value in here.items()}}[base]
        after = dict(here)
        for name in names:
            if name not in still:
                far = 1.0 if name in unscaled else RATES[rate](lr, t)
                after[name] = origin[name] + sign * far * scale * found[name]
        return after

    for t in range(count):
        groups = [[name] for name in here] if order == "one after the other" else [list(here)]
        rows = [slice(i, i + 1) for i in range(examples)] if gradient == "each example" else [everything]
        for part in rows:
            for names in groups:
                here = stepped(here, t, part, names)
        losses.append(loss(here))
    if record == "and a step behind":
        here = stepped(here, count, everything, list(here))
    losses = [report * value for value in losses]
    kept = {
        "all": losses,
        "no first": losses[1:],
        "no last": losses[:-1],
        "one behind": [losses[0], *losses[:-1]],
        "last": losses[-1],
    }
    return here, kept.get(record, losses)
