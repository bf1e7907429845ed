# An app that takes all it can get of one thing at a time, and tells how much it got. Each abuse is
# bounded, so that a sandbox without limits ends the test and not the machine.
#
# GET /<abuse> starts it, answers when it has got what it can, and holds that until GET /release.

import errno, os, resource, signal, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MOST_FORKS = 2000
MOST_MEMORY = 2 << 30
MOST_DISK = 1 << 30
LOGS = 48 << 20
held = []


def fork_bomb():
    """Every child forks too, until the kernel says no to all of them."""
    reader, writer = os.pipe()
    leader = os.fork()
    if leader == 0:
        os.setpgid(0, 0)
        for _ in range(10):
            # Ten generations that double are 1024 at most.
            try:
                os.fork()
                os.write(writer, b"x")
            except OSError:
                os.write(writer, b"!")
                break
        os.close(writer)
        while True:
            signal.pause()
    os.close(writer)
    held.append(lambda: (os.killpg(leader, signal.SIGKILL), os.waitpid(leader, 0)))
    forks = b""
    while piece := os.read(reader, 4096):
        forks += piece
    # Each fork that went well is written by both.
    return "forks %d refused %d" % (forks.count(b"x") // 2, forks.count(b"!"))


def memory():
    child = os.fork()
    if child == 0:
        kept = []
        while len(kept) < MOST_MEMORY >> 24:
            kept.append(os.urandom(1 << 16) * (1 << 8))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return "signal %d" % (status & 0x7F)


def disk():
    path = "/tmp/fill"
    held.append(lambda: os.unlink(path))
    piece, total = bytes(1 << 20), 0
    with open(path, "wb", buffering=0) as file:
        while total < MOST_DISK:
            try:
                total += file.write(piece)
            except OSError as error:
                return "bytes %d %s" % (total, errno.errorcode[error.errno])
    return "bytes %d" % total


def logs():
    line = b"x" * 1023 + b"\n"
    for _ in range(LOGS // len(line)):
        os.write(1, line)
    return "bytes %d" % LOGS


def descriptors():
    opened = []
    held.append(lambda: [os.close(handle) for handle in opened])
    try:
        while len(opened) < 100000:
            opened.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        # Some are needed to answer.
        for _ in range(16):
            os.close(opened.pop())
        return "opened %d %s" % (len(opened) + 16, errno.errorcode[error.errno])
    return "opened %d" % len(opened)


def cpu():
    for _ in range(8):
        child = os.fork()
        if child == 0:
            # Not longer than a test waits.
            resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
            while True:
                pass
        held.append(lambda child=child: (os.kill(child, signal.SIGKILL), os.waitpid(child, 0)))
    return "spinning 8"


ABUSES = {"/forks": fork_bomb, "/memory": memory, "/disk": disk, "/logs": logs, "/descriptors": descriptors, "/cpu": cpu}


class Abuses(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        text = "ready"
        if self.path in ABUSES:
            text = ABUSES[self.path]()
        elif self.path == "/release":
            while held:
                held.pop()()
            text = "released"
        text = text.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def process_request(self, request, address):
        # In this thread: a process without room for another thread still answers.
        self.process_request_thread(request, address)


Server(("0.0.0.0", 8000), Abuses).serve_forever()
