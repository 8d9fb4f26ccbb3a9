"""A recorder's stand-in, as a process of its own: opens a store when told to, and adds batches of pairs.

Its arguments: the store, the name of its source, how many batches of how many pairs. It says `ready`, waits for a line,
and says the number of each batch that the store has.
"""

import sys

from shadow.store.store import Store
from tests.shadow.store.made import count, recorded


def main(url: str, source: str, batches: str, size: str) -> None:
    print("ready", flush=True)
    sys.stdin.readline()
    with Store.open(url) as store:
        for batch in range(int(batches)):
            first = batch * int(size)
            pairs = [recorded(first + number, source=source) for number in range(int(size))]
            store.add(pairs, [count("in_flight", batch + 1, source=source)])
            print(batch, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
