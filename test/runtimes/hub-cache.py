"""The Python client of the hub on a cache: fetches a model, or finds it without a request, and tells what it thinks of the cache."""
import json
import os
import sys

from huggingface_hub import HfApi, scan_cache_dir, snapshot_download

repo, patterns = sys.argv[1], sys.argv[2].split(",")
path = snapshot_download(repo, allow_patterns=patterns)
cache = scan_cache_dir()
offline = os.environ.get("HF_HUB_OFFLINE") == "1"
mismatches = [] if offline else HfApi().verify_repo_checksums(repo).mismatches
report = {
    "path": path,
    "warnings": [str(warning) for warning in cache.warnings],
    "repos": [[found.repo_id, sorted(found.refs), found.nb_files] for found in cache.repos],
    "mismatches": [str(mismatch) for mismatch in mismatches],
}
print(json.dumps(report))
