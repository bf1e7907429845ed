# Tries what gets programs out of containers, and tells which of it is open. Each row has a name and
# is tried in a process of its own. RUN ONLY IN A THROW-AWAY CONTAINER: what is allowed takes effect.
#
# A call counts as shut if it ends with EPERM, EACCES or ENOSYS (or kills the process): any other
# error means that the kernel looked at the arguments. Prints one line a row: open|shut, name, detail.

import ctypes, errno, mmap, os, platform, signal, socket, stat, struct, sys, tempfile

libc = ctypes.CDLL(None, use_errno=True)
ARM = platform.machine() == "aarch64"
SHUT = (errno.EPERM, errno.EACCES, errno.ENOSYS)

# Numbers for x86_64 and aarch64; from 424 on they are the same everywhere.
NUMBERS = {
    "mount": (165, 40), "umount2": (166, 39), "unshare": (272, 97), "setns": (308, 268),
    "pivot_root": (155, 41), "chroot": (161, 51), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "bpf": (321, 280), "perf_event_open": (298, 241),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "userfaultfd": (323, 282), "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
    "iopl": (172, None), "ioperm": (173, None), "swapon": (167, 224), "swapoff": (168, 225),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266),
    "adjtimex": (159, 171), "sethostname": (170, 161), "setdomainname": (171, 162),
    "syslog": (103, 116), "quotactl": (179, 60), "acct": (163, 89), "vhangup": (153, 58),
    "kcmp": (312, 272), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "mbind": (237, 235), "move_pages": (279, 239), "migrate_pages": (256, 238),
    "set_mempolicy": (238, 237), "get_mempolicy": (239, 236), "modify_ldt": (154, None),
    "personality": (135, 92), "fanotify_init": (300, 262), "lookup_dcookie": (212, 18),
    "reboot": (169, 142), "remap_file_pages": (216, 234), "vmsplice": (278, 75),
    "clone": (56, 220), "mknodat": (259, 33), "socketpair": (53, 199), "sysfs": (139, None),
    "ustat": (136, None), "uselib": (134, None),
}
SAME = {
    "pidfd_getfd": 438, "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431,
    "fsmount": 432, "fspick": 433, "clone3": 435, "process_madvise": 440, "mount_setattr": 442,
    "quotactl_fd": 443, "process_mrelease": 448, "set_mempolicy_home_node": 450,
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
    "memfd_secret": 447, "statmount": 457, "listmount": 458, "lsm_get_self_attr": 459,
    "lsm_set_self_attr": 460, "lsm_list_modules": 461,
}


def number(name):
    return NUMBERS[name][ARM] if name in NUMBERS else SAME[name]


def call(name, *args):
    ctypes.set_errno(0)
    words = [ctypes.c_long(arg) if isinstance(arg, int) else ctypes.c_char_p(arg) for arg in args]
    result = libc.syscall(ctypes.c_long(number(name)), *words)
    return result, ctypes.get_errno()


def told(result, error):
    return result >= 0 or error not in SHUT, "%d %s" % (result, errno.errorcode.get(error, error))


rows = []


def row(name, attempt):
    """Tried in a child, so that what one row does or dies of is not the next one's."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        # One that waits for ever is no answer.
        signal.alarm(10)
        try:
            is_open, detail = attempt()
        except OSError as error:
            is_open, detail = error.errno not in SHUT + GONE, errno.errorcode.get(error.errno, "?")
        except BaseException as error:
            is_open, detail = True, "the probe failed: %r" % error
        os.write(writer, (("open\t" if is_open else "shut\t") + str(detail)[:90]).encode())
        os._exit(0)
    os.close(writer)
    answer = b""
    while piece := os.read(reader, 4096):
        answer += piece
    os.close(reader)
    _, status = os.waitpid(child, 0)
    if not answer:
        answer = b"shut\tkilled by signal %d" % (status & 0x7F)
    verdict, detail = answer.decode().split("\t", 1)
    rows.append((name, verdict == "open", detail))


# What a path says that is not there, cannot be written or is being run: as shut as one refused.
GONE = (errno.ENOENT, errno.EROFS, errno.ENOTDIR, errno.ENXIO, errno.ENODEV, errno.ETXTBSY)


def calls(label, name, *args):
    if number(name) is None:
        # No such call on this architecture.
        rows.append((label, False, "no such call"))
        return
    row(label, lambda: told(*call(name, *args)))


def writes(path):
    def attempt():
        handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        told = os.fstat(handle)
        # A masked file is /dev/null.
        if stat.S_ISCHR(told.st_mode) and told.st_rdev == os.makedev(1, 3):
            return False, "masked"
        return True, "writable"
    row("write " + path, attempt)


def reads(path):
    def attempt():
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        return len(os.read(handle, 16)) > 0, "read"
    row("read " + path, attempt)


def lists(path):
    row("list " + path, lambda: (len(os.listdir(path)) > 0, "listed"))


scratch = tempfile.mkdtemp(dir="/tmp").encode()

# Mounts, in both the old words and the new.
calls("mount tmpfs", "mount", b"none", scratch, b"tmpfs", 0, 0)
calls("mount proc", "mount", b"proc", scratch, b"proc", 0, 0)
calls("mount sysfs", "mount", b"sysfs", scratch, b"sysfs", 0, 0)
calls("mount cgroup", "mount", b"cgroup", scratch, b"cgroup", 0, b"memory")
calls("mount bind", "mount", b"/", scratch, b"", 4096, 0)
calls("mount overlay", "mount", b"overlay", scratch, b"overlay", 0, b"lowerdir=/usr:/bin")
calls("remount / writable", "mount", b"none", b"/", b"", 32 | 4096, 0)
calls("remount /proc/sys writable", "mount", b"none", b"/proc/sys", b"", 32 | 4096, 0)
calls("make / shared", "mount", b"none", b"/", b"", 1 << 20, 0)
calls("unmask /proc/kcore", "umount2", b"/proc/kcore", 2)
calls("unmask /sys/firmware", "umount2", b"/sys/firmware", 2)
calls("unmask /proc/sys", "umount2", b"/proc/sys", 2)
calls("pivot_root", "pivot_root", b"/tmp", b"/tmp")
calls("chroot", "chroot", b"/tmp")
calls("fsopen", "fsopen", b"tmpfs", 0)
calls("fsconfig", "fsconfig", -1, 0, 0, 0, 0)
calls("fsmount", "fsmount", -1, 0, 0)
calls("fspick", "fspick", -100, b"/", 0)
calls("open_tree clone", "open_tree", -100, b"/", 1)
calls("move_mount", "move_mount", -1, b"", -1, b"", 4)
calls("mount_setattr", "mount_setattr", -1, b"", 0x1000, 0, 0)
calls("statmount", "statmount", 0, 0, 0, 0)
calls("listmount", "listmount", 0, 0, 0, 0)

# Namespaces.
SPACES = {"mnt": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000,
          "user": 0x10000000, "pid": 0x20000000, "net": 0x40000000, "time": 0x80}
for space, flag in SPACES.items():
    calls("unshare " + space, "unshare", flag)
calls("unshare user+mnt+net", "unshare", 0x10000000 | 0x20000 | 0x40000000)


def clones(flag):
    def attempt():
        result, error = call("clone", flag | signal.SIGCHLD, 0, 0, 0, 0)
        if result == 0:
            os._exit(0)
        return told(result, error)
    return attempt


for space, flag in SPACES.items():
    if space != "time":
        row("clone into a new " + space, clones(flag))
calls("clone3", "clone3", 0, 0)


def joins(kind):
    def attempt():
        handle = os.open("/proc/1/ns/" + kind, os.O_RDONLY)
        return told(*call("setns", handle, 0))
    return attempt


for kind in ("net", "mnt", "pid"):
    row("setns " + kind, joins(kind))

# The kernel's own door handles.
calls("init_module", "init_module", 0, 0, b"")
calls("finit_module", "finit_module", -1, b"", 0)
calls("delete_module", "delete_module", b"no_such_module", 0x800)
calls("kexec_load", "kexec_load", 0, 0, 0, 0)
calls("kexec_file_load", "kexec_file_load", -1, -1, 0, 0, 0)
# With magic numbers that no kernel takes.
calls("reboot", "reboot", 1, 1, 0, 0)
calls("bpf map", "bpf", 0, b"\0" * 72, 72)
calls("bpf prog load", "bpf", 5, b"\0" * 72, 72)
calls("perf_event_open", "perf_event_open", 0, 0, -1, -1, 0)
calls("keyctl", "keyctl", 0, -3, 0, 0, 0)
calls("add_key", "add_key", b"user", b"probe", b"a", 1, -3)
calls("request_key", "request_key", b"user", b"probe", 0, -3)
calls("userfaultfd", "userfaultfd", 0)
calls("userfaultfd user mode only", "userfaultfd", 1)
calls("io_uring_setup", "io_uring_setup", 1, b"\0" * 120)
calls("io_uring_enter", "io_uring_enter", -1, 0, 0, 0, 0, 0)
calls("io_uring_register", "io_uring_register", -1, 0, 0, 0)
calls("open_by_handle_at", "open_by_handle_at", -1, 0, 0)
calls("name_to_handle_at", "name_to_handle_at", -100, b"/", 0, 0, 0)
calls("iopl", "iopl", 3)
calls("ioperm", "ioperm", 0x80, 1, 1)
calls("modify_ldt", "modify_ldt", 0, 0, 0)
calls("swapon", "swapon", b"/nonexistent", 0)
calls("swapoff", "swapoff", b"/nonexistent")
calls("settimeofday", "settimeofday", 0, 0)
calls("clock_settime", "clock_settime", 0, 0)
calls("clock_adjtime", "clock_adjtime", 0, 0)
calls("adjtimex", "adjtimex", 0)
calls("sethostname", "sethostname", b"x", 1)
calls("setdomainname", "setdomainname", b"x", 1)
calls("syslog", "syslog", 3, 0, 0)
calls("quotactl", "quotactl", 0, 0, 0, 0)
calls("quotactl_fd", "quotactl_fd", -1, 0, 0, 0)
calls("acct", "acct", 0)
calls("vhangup", "vhangup")
calls("fanotify_init", "fanotify_init", 0, 0)
calls("lookup_dcookie", "lookup_dcookie", 0, 0, 0)
calls("sysfs", "sysfs", 3)
calls("ustat", "ustat", 0, 0)
calls("uselib", "uselib", 0)
calls("vmsplice", "vmsplice", -1, 0, 0, 0)
calls("remap_file_pages", "remap_file_pages", 0, 0, 0, 0, 0)
calls("memfd_secret", "memfd_secret", 0xFFFF)
calls("lsm_get_self_attr", "lsm_get_self_attr", 0, 0, 0, 0)
calls("lsm_list_modules", "lsm_list_modules", 0, 0, 0)
calls("personality without random addresses", "personality", 0x40000)
calls("personality of 32 bits", "personality", 8)

# Other processes, and the memory of the machine.
calls("process_vm_readv", "process_vm_readv", os.getppid(), 0, 0, 0, 0, 0)
calls("process_vm_writev", "process_vm_writev", os.getppid(), 0, 0, 0, 0, 0)
calls("pidfd_getfd", "pidfd_getfd", -1, 0, 0)
calls("process_madvise", "process_madvise", -1, 0, 0, 0, 0)
calls("process_mrelease", "process_mrelease", -1, 0)
calls("kcmp", "kcmp", 1, 1, 0, 0, 0)
calls("mbind", "mbind", 0, 0, 0, 0, 0, 0)
calls("move_pages", "move_pages", 1, 0, 0, 0, 0, 0)
calls("migrate_pages", "migrate_pages", 0, 0, 0, 0)
calls("set_mempolicy", "set_mempolicy", 99, 0, 0)
calls("get_mempolicy", "get_mempolicy", 0, 0, 0, 0, 0)
calls("set_mempolicy_home_node", "set_mempolicy_home_node", 0, 0, 0, 0)

# Kinds of sockets: raw ones, and families that load a module of the kernel's.
for label, family, kind, protocol in (
    ("packet", 17, 3, 768), ("packet datagrams", 17, 2, 768), ("raw ICMP", 2, 3, 1),
    ("raw IP", 2, 3, 255), ("raw ICMPv6", 10, 3, 58), ("SCTP", 2, 1, 132), ("MPTCP", 2, 1, 262),
    ("UDP-Lite", 2, 2, 136), ("L2TP", 2, 2, 115), ("DCCP", 2, 6, 33), ("vsock", 40, 1, 0),
    ("crypto (alg)", 38, 5, 0), ("netlink route", 16, 3, 0), ("netlink sock_diag", 16, 3, 4),
    ("netlink xfrm", 16, 3, 6), ("netlink audit", 16, 3, 9), ("netlink connector", 16, 3, 11),
    ("netlink netfilter", 16, 3, 12), ("netlink uevent", 16, 3, 15),
    ("netlink generic", 16, 3, 16), ("netlink crypto", 16, 3, 21), ("key", 15, 3, 2),
    ("XDP", 44, 3, 0), ("bluetooth", 31, 3, 1), ("CAN", 29, 3, 1), ("RDS", 21, 5, 0),
    ("TIPC", 30, 1, 0), ("SMC", 43, 1, 0), ("QIPCRTR", 42, 2, 0), ("KCM", 41, 5, 0),
    ("appletalk", 5, 2, 0), ("X.25", 9, 5, 0), ("NFC", 39, 3, 0), ("PPPoX", 24, 1, 0),
    ("phonet", 35, 2, 0), ("IEEE 802.15.4", 36, 3, 0), ("AX.25", 3, 5, 0),
):
    def opens(family=family, kind=kind, protocol=protocol):
        ctypes.set_errno(0)
        result = libc.socket(family, kind, protocol)
        error = ctypes.get_errno()
        # A kernel without the family is as shut, but not by us: the rule must say so first.
        return told(result, error)
    row("socket " + label, opens)
calls("socketpair TIPC", "socketpair", 30, 1, 0, b"\0" * 8)

# Calls of another ABI, which a filter for this one would not see.
def machine_code(code):
    def attempt():
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(code)
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
        result = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
        return result >= 0 or -result not in SHUT, result
    return attempt


if ARM:
    rows.append(("32-bit call by int 0x80", False, "no such call"))
    rows.append(("x32 call", False, "no such call"))
else:
    # push rbx; mov eax, 20 (getpid); int 0x80; pop rbx; ret
    row("32-bit call by int 0x80", machine_code(b"\x53\xb8\x14\0\0\0\xcd\x80\x5b\xc3"))
    # mov eax, 0x40000027 (x32 getpid); syscall; ret
    row("x32 call", machine_code(b"\xb8\x27\0\0\x40\x0f\x05\xc3"))

# Files of the kernel's to write to.
for path in (
    "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/vm/panic_on_oom",
    "/proc/sys/net/ipv4/ip_forward", "/proc/sys/kernel/hostname", "/proc/sys/kernel/yama/ptrace_scope",
    "/proc/sys/fs/binfmt_misc/register", "/proc/sys/kernel/randomize_va_space",
    "/proc/sysrq-trigger", "/proc/irq/0/smp_affinity", "/proc/mtrr", "/proc/acpi/wakeup",
    "/sys/kernel/uevent_helper", "/sys/fs/cgroup/memory/release_agent",
    "/sys/fs/cgroup/memory/cgroup.procs", "/sys/fs/cgroup/devices/devices.allow",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/pids/pids.max",
    "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory.max", "/sys/kernel/mm/ksm/run",
    "/sys/power/state", "/sys/module/kernel/parameters/panic", "/etc/passwd", "/usr/bin/env",
    "/.codemate/guest", "/.codemate/.complete", "/dev/mem", "/dev/kmem", "/dev/kmsg", "/dev/fuse", "/dev/kvm",
    "/dev/net/tun", "/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/port", "/dev/loop0",
    "/dev/loop-control", "/dev/vsock", "/dev/vhost-vsock", "/dev/vhost-net", "/dev/uinput",
    "/dev/dri/card0", "/dev/mapper/control", "/dev/userfaultfd",
):
    writes(path)


def raises_own_oom_score():
    with open("/proc/self/oom_score_adj", "r+") as file:
        score = int(file.read())
        file.seek(0)
        file.write(str(min(score + 1, 1000)))
    return True, "from %d" % score


def lowers_own_oom_score():
    with open("/proc/self/oom_score_adj", "r+") as file:
        file.write("-1")
    return True, "below every other process"


row("raise own oom_score_adj", raises_own_oom_score)
row("lower own oom_score_adj below zero", lowers_own_oom_score)

# Files of the kernel's and the host's to read.
for path in (
    "/proc/kcore", "/proc/keys", "/proc/key-users", "/proc/timer_list", "/proc/sched_debug",
    "/proc/latency_stats", "/proc/scsi/scsi", "/proc/kallsyms", "/proc/kmsg", "/proc/interrupts",
    "/proc/cmdline", "/proc/config.gz", "/proc/version", "/proc/modules", "/proc/slabinfo",
    "/proc/vmallocinfo", "/proc/iomem", "/proc/zoneinfo", "/proc/pressure/memory", "/proc/kpagecount",
    "/proc/1/environ", "/sys/firmware/dmi/tables/DMI", "/sys/firmware/acpi/tables/DSDT",
    "/sys/class/dmi/id/product_serial", "/sys/class/dmi/id/product_uuid",
    "/sys/class/dmi/id/board_vendor", "/sys/kernel/security/lsm",
    "/sys/kernel/debug/kprobes/list", "/sys/kernel/tracing/available_tracers",
    "/sys/devices/virtual/powercap/intel-rapl/intel-rapl:0/energy_uj",
    "/var/run/docker.sock", "/run/containerd/containerd.sock", "/var/lib/docker/engine-id",
    "/root/.bashrc", "/etc/shadow",
):
    reads(path)
lists("/sys/firmware")
lists("/sys/fs/bpf")
lists("/sys/kernel/debug")
lists("/proc/acpi")


def device(kind, major, minor):
    def attempt():
        path = scratch + b"/device"
        os.mknod(path, 0o600 | kind, os.makedev(major, minor))
        return True, "made"
    return attempt


row("make a block device", device(stat.S_IFBLK, 254, 0))
row("make a character device", device(stat.S_IFCHR, 1, 1))


def becomes(call):
    def attempt():
        call()
        return True, "uid %d gid %d" % (os.getuid(), os.getgid())
    return attempt


if os.getuid() == 0:
    rows.append(("become root", True, "it is root"))
else:
    row("become root", becomes(lambda: os.setuid(0)))
row("join a group", becomes(lambda: os.setgroups([0, 4, 6, 42])))


def another_user():
    if os.getuid() == 0:
        return True, "it is root"
    for program in ("/bin/su", "/usr/bin/su", "/usr/bin/mount", "/usr/bin/newgrp", "/usr/bin/chsh"):
        if os.path.exists(program) and os.stat(program).st_mode & stat.S_ISUID:
            # As whom does a set-uid program run? A copy of its mode bits alone would not tell.
            child = os.fork()
            if child == 0:
                os.dup2(os.open("/dev/null", os.O_RDWR), 2)
                os.dup2(2, 1)
                os.dup2(2, 0)
                os.execv(program, [program, "-c", "exit 77", "root"])
            _, status = os.waitpid(child, 0)
            return os.waitstatus_to_exitcode(status) == 77, program
    return False, "no set-uid program"


row("root by a set-uid program", another_user)


def owned_file():
    path = scratch + b"/owned"
    open(path, "w").close()
    os.chown(path, 0, 0)
    return os.getuid() != 0, "given away"


row("give a file to root", owned_file)

# What it is, as the kernel tells it.
status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
rows.append(("a capability in effect", int(status["CapEff"], 16) != 0, status["CapEff"]))
rows.append(("a capability that may be had", int(status["CapBnd"], 16) != 0, status["CapBnd"]))
rows.append(("a capability handed down", int(status["CapInh"], 16) | int(status["CapAmb"], 16) != 0, status["CapInh"]))
rows.append(("new privileges", status["NoNewPrivs"].strip() == "0", status["NoNewPrivs"]))
rows.append(("no filter of calls", status["Seccomp"].strip() != "2", status["Seccomp"]))
rows.append(("root inside", os.getuid() == 0 or os.getgid() == 0, "%d:%d" % (os.getuid(), os.getgid())))
rows.append(("further groups", any(group != os.getgid() for group in os.getgroups()), os.getgroups()))
rows.append(("a writable root", not os.statvfs("/").f_flag & os.ST_RDONLY, ""))
numbers = open("/proc/self/uid_map").read().split()
rows.append(("uids are the host's", numbers[:2] == ["0", "0"], " ".join(numbers)))
mounts = open("/proc/self/mountinfo").read()
rows.append(("the host's paths in mountinfo", "/overlay2/" in mounts or "/var/lib/" in mounts, ""))
rows.append(("the engine's socket is mounted", "docker.sock" in mounts, ""))


def own_cgroup():
    root = "/sys/fs/cgroup"
    for place in [root] + [root + "/" + name for name in os.listdir(root)]:
        # On the first version the root is a plain directory in memory.
        if not os.path.exists(place + "/cgroup.procs"):
            continue
        try:
            os.mkdir(place + "/probe")
            os.rmdir(place + "/probe")
            return True, place
        except OSError:
            pass
    return False, "none can be made"


row("make a cgroup", own_cgroup)
rows.append(("processes of the host's are seen", os.path.exists("/proc/2/comm") and open("/proc/2/comm").read().startswith("kthreadd"), ""))

names = [name for name, _, _ in rows]
assert len(names) == len(set(names)), "two rows of one name"
for name, is_open, detail in rows:
    print("%s\t%s\t%s" % ("open" if is_open else "shut", name, detail))
