"""What the gateway recorded: exchanges in SQLite, or in PostgreSQL with ``pip install 'sizewise[postgres]'``."""

from sizewise.store.traffic.store import TrafficStore, open_traffic

__all__ = ["TrafficStore", "open_traffic"]
