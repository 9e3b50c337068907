#!/usr/bin/env python3
"""How long a gateway takes from its start to its first answer to a client, and what memory it has when idle;
the time of processors is much the same on a busy machine:
start.py [RUNS] PROGRAM [FLAG...], as start.py 11 dist/gate46-deno --workers 2. Linux."""
import glob, os, socket, statistics, subprocess, sys, time

PAUSE, GIVE_UP, IDLE = 0.001, 20, 1  # s

def run(command):
    with socket.create_server(("127.0.0.1", 0)) as free:
        addr = free.getsockname()
    started = time.perf_counter()
    gateway = subprocess.Popen([*command, "--listen", "%s:%d" % addr, "--admin", "127.0.0.1:0"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not answers(addr):
            if time.perf_counter() - started > GIVE_UP or gateway.poll() is not None:
                sys.exit("start.py: Cannot measure %s: it does not serve" % " ".join(command))
            time.sleep(PAUSE)
        milliseconds = 1000 * (time.perf_counter() - started)
        busy = processors(gateway.pid)
        time.sleep(IDLE)
        return milliseconds, busy, resident(gateway.pid)
    finally:
        gateway.kill()
        gateway.wait()

def answers(addr):
    try:
        with socket.create_connection(addr, GIVE_UP) as client:
            client.sendall(b"\5\1\0")
            return client.recv(2) == b"\5\0"
    except OSError:
        return False

def processors(pid):
    threads = glob.glob("/proc/%d/task/*/schedstat" % pid)
    return sum(int(open(thread).read().split()[0]) for thread in threads) / 1e6

def resident(pid):
    with open("/proc/%d/status" % pid) as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024

runs, command = (int(sys.argv[1]), sys.argv[2:]) if sys.argv[1:2] and sys.argv[1].isdigit() else (11, sys.argv[1:])
if not command:
    sys.exit(__doc__)
times, busy, sizes = zip(*(run(command) for _ in range(runs)))
print("%s: %.0f ms to the first answer (%.0f to %.0f), %.0f ms of processors, %.0f MB" % (
    os.path.basename(command[0]), statistics.median(times), min(times), max(times), statistics.median(busy),
    statistics.median(sizes)))
