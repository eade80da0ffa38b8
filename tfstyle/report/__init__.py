"""Reports: a page of HTML about a run, with losses, settings and pictures."""
