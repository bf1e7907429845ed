# An internet of one process: a resolver, and every other address with HTTP, TLS and two ports that
# nobody should get to. Says what arrives. usage: internet.py CERTIFICATE
import selectors, socket, ssl, struct, sys, threading
NAMES = {"ok.example.org": "203.0.113.170", "other.example.org": "203.0.113.171", "private.example.org": "10.9.9.9"}
RESOLVER = "10.77.0.53"
def say(*words):
    print(*words, flush=True)
def answer(query):
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    name, kind = ".".join(labels), query[at + 2]
    say("asked", name)
    address = NAMES.get(name.lower())
    found = address and kind == 1
    head = query[:2] + struct.pack("!HHHHH", 0x8180 if address else 0x8183, 1, 1 if found else 0, 0, 0)
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(address) if found else b""
    return head + query[12:at + 5] + record
def datagrams(address, port, what):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Its own by a route, which is no address of an interface: an answer has to come from it.
    s.setsockopt(socket.SOL_IP, 19, 1)
    s.bind((address, port))
    while True:
        data, sender = s.recvfrom(4096)
        if what != "resolver":
            say("datagram", port)
        s.sendto(answer(data) if port == 53 else b"here", sender)
def request(c, early):
    seen = early.pop() if early else b""
    while b"\r\n\r\n" not in seen:
        more = c.recv(4096)
        if not more:
            return None
        seen += more
    seen, _, rest = seen.partition(b"\r\n\r\n")
    early.append(rest)
    host = next((l[5:].strip().decode() for l in seen.split(b"\r\n") if l.lower().startswith(b"host:")), "-")
    return host, b"connection: close" in seen.lower()
def serve(c, port, context):
    here, sni = c.getsockname()[0], []
    try:
        c.settimeout(20)
        if context:
            context.sni_callback = lambda _c, name, _x: sni.append(name)
            c = context.wrap_socket(c, server_side=True)
        if port not in (80, 443):
            say("connection", port)
            c.sendall(b"here")
            return
        # As many requests as come, unless it is to be the last.
        last, early = False, []
        while not last and (got := request(c, early)) is not None:
            host, last = got
            say("request", here, port, host)
            body = " ".join([here, host] + [str(n) for n in sni]).encode()
            c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    except OSError as error:
        say("error", error)
    finally:
        c.close()
def streams(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_IP, 19, 1)
    s.bind(("", port))
    s.listen(64)
    while True:
        c, _ = s.accept()
        context = None
        if port == 443:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(sys.argv[1])
        threading.Thread(target=serve, args=(c, port, context), daemon=True).start()
jobs = [(datagrams, (RESOLVER, 53, "resolver")), (datagrams, ("203.0.113.172", 53, "stray")),
        (datagrams, ("203.0.113.170", 9999, "")), (datagrams, ("203.0.113.170", 443, "")), (streams, (80,)), (streams, (443,)), (streams, (8080,)), (streams, (53,))]
threads = [threading.Thread(target=job, args=args, daemon=True) for job, args in jobs]
for thread in threads:
    thread.start()
say("up")
for thread in threads:
    thread.join()
