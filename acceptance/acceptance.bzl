"""Whole-system tests, each a Python program beside its BUILD file."""

def remuda_acceptance_test(name, size, data = [], exclusive = True):
    """Runs NAME.py against //cli:remuda.

    Alone on the machine, unless it says that it need not be.
    """
    native.sh_test(
        name = name,
        size = size,
        srcs = ["run_test.sh"],
        args = ["$(location %s.py)" % name],
        data = data + [
            "cluster.py",
            name + ".py",
            "//cli:remuda",
        ],
        tags = ["local"] + (["exclusive"] if exclusive else []),
    )
