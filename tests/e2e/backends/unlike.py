"""The scripted backend as a new release that is not quite like the old: as a shadow, what is to be found.

python -m tests.e2e.backends.unlike PORT [gzip]
"""

import grpc

from tests.e2e.backends.scripted import Messages, Scripted, main


class Unlike(Scripted):
    def echo(self, requests: Messages, context: grpc.ServicerContext) -> Messages:
        """Every message back, `odd` as `even`."""
        for request in requests:
            yield request.replace(b"odd", b"even")

    def pour(self, requests: Messages, context: grpc.ServicerContext) -> Messages:
        """One message fewer."""
        messages = list(super().pour(requests, context))
        yield from messages[:-1]


if __name__ == "__main__":
    main(Unlike)
