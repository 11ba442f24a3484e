"""Holdfast's upsert as SQL by `execute_many`, where others have no verb for it either."""

from . import holdfast_


class Peer(holdfast_.Peer):
    upsert_many = None
