"""Publishing: cards, versions, diffs, licences, and the one commit and one tag that a release is."""
