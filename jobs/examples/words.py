"""What python.yaml calls: an ordinary module with an ordinary function."""


def describe(word, position):
    return {
        "position": position,
        "letters": len(word),
        "reversed": word[::-1],
    }
