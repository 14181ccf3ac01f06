"""The versions of a traffic store, one script each; alembic brings an older store up to the newest when it is opened."""
