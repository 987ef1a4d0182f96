"""The faults other than kills, by name."""

from chaos_assets import assets
from chaos_disks import events_full, output_full, scratch_full
from chaos_memory import memory
from chaos_scene import Fault, Scene
from chaos_storage import away, hung, killed
from chaos_twice import elsewhere, twins

__all__ = ["FAULTS", "Fault", "Scene"]

FAULTS = {
    "assets": Fault(assets),
    "output": Fault(output_full),
    "scratch": Fault(scratch_full),
    "events": Fault(events_full),
    "twins": Fault(twins, ways=("local", "standalone", "yarn")),
    "elsewhere": Fault(elsewhere),
    "memory": Fault(memory, ways=("local", "yarn")),
    "killed": Fault(killed),
    "hung": Fault(hung),
    "away": Fault(away),
}
