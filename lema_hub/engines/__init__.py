"""Where text comes from: engines behind one protocol, and a ledger in front of all of them.

The engines live in modules of their own, because each needs a heavy package: `engines.transformers`,
`engines.openai`, and `engines.exact` for the nano world.
"""

from lema_hub.engines.engine import Engine, Failure, Request, Response, Sampling
from lema_hub.engines.ledger import Ledger
from lema_hub.engines.ledger_contents import StageTotals

__all__ = ["Engine", "Failure", "Ledger", "Request", "Response", "Sampling", "StageTotals"]
