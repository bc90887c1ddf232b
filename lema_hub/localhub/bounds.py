"""How much the embedded Hub reads of what strangers send or have stored, in one place.

Every reader of a request, a header or a stored file takes its limits from here. A request above a limit is
answered with 4xx; a stored file above one is treated as if it said nothing. docs/security.md lists them.
"""

from typing import Final

# Connections: how many, and what a client must do in each period. A slow line sends 16 KB in this time.
CONNECTIONS: Final = 512
PERIOD_SECONDS: Final = 30.0
MIN_BODY_BYTES: Final = 16_000

# Request bodies.
JSON_BYTES: Final = 16_000_000
# A list of lists takes fifty times its bytes in memory.
JSON_NODES: Final = 500_000
JSON_NUMBER_CHARS: Final = 40
BODIES_BYTES: Final = 1_000_000_000  # all bodies that are held in memory at one moment
DRAIN_BYTES: Final = 64_000_000
CARD_CHARS: Final = 8_000_000
PREUPLOAD_FILES: Final = 256
PATHS: Final = 1000

# Commits.
COMMIT_LINE_BYTES: Final = 64_000_000
COMMIT_BYTES: Final = 1_000_000_000
OPERATIONS: Final = 25_000
TITLE_CHARS: Final = 1000
MESSAGE_CHARS: Final = 65_536

# Names. A path or a ref is checked in `paths`.
PATH_BYTES: Final = 1024
SEGMENT_BYTES: Final = 255
REF_BYTES: Final = 200

# The header of a README.
HEADER_BYTES: Final = 1_000_000
HEADER_NODES: Final = 200_000
HEADER_DEPTH: Final = 64
HEADER_NUMBER_CHARS: Final = 64
CARD_ERRORS: Final = 20
REPO_TAGS: Final = 1000
REPO_TAG_CHARS: Final = 200

# Files of a commit that describe it: README.md, config.json, .gitattributes, safetensors headers.
TEXT_BYTES: Final = 4_000_000
SAFETENSORS_BYTES: Final = 16_000_000  # all headers of one repo together
SAFETENSORS_RANK: Final = 16
SAFETENSORS_DTYPES: Final = 32

# Patterns of .gitattributes and .gitignore; `globs` says what a step is.
PATTERNS: Final = 1000
PATTERN_CHARS: Final = 1000
PATTERNS_CHARS: Final = 64_000
PATTERN_FILE_CHARS: Final = 500_000  # with comments and attributes
MATCH_STEPS: Final = 500_000_000

# The diff of a pull request.
DIFF_FILES: Final = 200
DIFF_FILE_BYTES: Final = 200_000
DIFF_BYTES: Final = 1_000_000

# Askers that the limit on requests counts apart; all others share one count.
ASKERS: Final = 100_000
