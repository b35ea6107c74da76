"""What the collector runs in the middle of anything: finalizers that use buffers themselves."""

import subprocess
import sys

COLLECTED = """
import faulthandler, gc
import ingot
from ingot import _native

faulthandler.dump_traceback_later(%d, exit=True)
device = ingot.Device.new(0)

class Cycle:
    def __init__(self):
        self.cycle = self
        self.buffer = ingot.Pool(device).zeros(16)

    def __del__(self):
        global ended
        assert not self.buffer.numpy().any()
        self.buffer.close()
        ended += 1

ended = 0
Cycle()
with _native.lock:  # what allocates under it can begin a collection
    gc.collect()
for threshold in range(1, 100):
    gc.set_threshold(threshold)
    Cycle()
    ingot.Pool(device).zeros(8).numpy()
gc.collect()
print(ended)
"""


def test_finalizers_may_use_buffers_wherever_they_run() -> None:
    done = subprocess.run([sys.executable, "-c", COLLECTED % 60], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["100"], done.stderr
    assert "Exception ignored" not in done.stderr
