"""Whole-system tests, each a Python program beside its BUILD file."""

def remuda_acceptance_test(name, size, data = []):
    """Runs NAME.py against //cli:remuda, alone on the machine."""
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
        tags = [
            "exclusive",
            "local",
        ],
    )
