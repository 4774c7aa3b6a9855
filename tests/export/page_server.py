"""The page's server, in a thread of the test."""

import contextlib
import threading

from export import web


@contextlib.contextmanager
def serving(folder):
    with web.server(folder) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()
