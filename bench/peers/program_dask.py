"""The client of Dask: program_dask.py ADDRESS."""

import sys

from distributed import Client

from program import batch, noop, one_by_one, run_true_for, serve


def main():
    client = Client(sys.argv[1], timeout=60)
    client.wait_for_workers(2, timeout=60)

    def of_map(function):
        return lambda size: len(client.gather(client.map(
            function, range(size), pure=False, batch_size=1000)))

    def submit(size):
        return len(client.gather([client.submit(noop, index, pure=False)
                                  for index in range(size)]))

    def one():
        client.submit(noop, pure=False).result()

    serve({
        "map": lambda n: batch(n, of_map(noop)),
        "submit": lambda n: batch(n, submit),
        "one": lambda n: one_by_one(n, one),
        "command": lambda n: batch(n, of_map(run_true_for)),
    })


main()
