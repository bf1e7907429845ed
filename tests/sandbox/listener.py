# What arrives in a namespace: says every label that is sent to it over TCP or UDP, and with an
# interface's name every packet that comes in by it. usage: listener.py PORT,PORT PORT,PORT [INTERFACE]
import selectors, socket, struct, sys
select = selectors.DefaultSelector()
def listen(family, kind, port):
    s = socket.socket(family, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    elif kind == socket.SOCK_DGRAM:
        s.setsockopt(socket.IPPROTO_IP, 8, 1)
    s.bind(("", port))
    if kind == socket.SOCK_STREAM:
        s.listen(256)
    s.setblocking(False)
    select.register(s, selectors.EVENT_READ, accept if kind == socket.SOCK_STREAM else datagram)
def say(*words):
    print(*words, flush=True)
def accept(s):
    c, _ = s.accept()
    c.setblocking(False)
    # An attempt that gets this far has reached, whatever it says then.
    say("accepted", c.getsockname()[0])
    select.register(c, selectors.EVENT_READ, read)
def read(c):
    try:
        data = c.recv(4096)
        if data:
            say("label", data.decode().strip())
            c.sendall(b"here\n")
    except OSError:
        pass
    select.unregister(c)
    c.close()
def datagram(s):
    data, told, _, sender = s.recvmsg(4096, 256)
    say("label", data.decode(errors="replace").strip())
    # From the address it was sent to, which may be any.
    told = [(level, kind, struct.pack("I4s4s", 0, info[8:12], bytes(4))) for level, kind, info in told]
    s.sendmsg([b"here\n"], told, 0, sender)
def packet(s):
    data, (_, _, direction, _, _) = s.recvfrom(65535)
    if direction == 4:
        return
    kind = struct.unpack("!H", data[12:14])[0]
    if kind == 0x0800:
        head = 14 + (data[14] & 15) * 4
        to = socket.inet_ntop(socket.AF_INET, data[30:34])
        sender = socket.inet_ntop(socket.AF_INET, data[26:30])
        proto = data[23]
    elif kind == 0x86DD:
        head, proto = 54, data[20]
        to = socket.inet_ntop(socket.AF_INET6, data[38:54])
        sender = socket.inet_ntop(socket.AF_INET6, data[22:38])
    else:
        return
    port = struct.unpack("!H", data[head + 2:head + 4])[0] if proto in (6, 17) else 0
    say("packet", {6: "tcp", 17: "udp", 1: "icmp", 58: "icmp6"}.get(proto, proto), to, port, sender)
for family in (socket.AF_INET, socket.AF_INET6):
    for port in filter(None, sys.argv[1].split(",")):
        listen(family, socket.SOCK_STREAM, int(port))
    for port in filter(None, sys.argv[2].split(",")):
        listen(family, socket.SOCK_DGRAM, int(port))
if len(sys.argv) > 3:
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((sys.argv[3], 0))
    select.register(s, selectors.EVENT_READ, packet)
say("up")
while True:
    for key, _ in select.select():
        key.data(key.fileobj)
