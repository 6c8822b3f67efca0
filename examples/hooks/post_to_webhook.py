"""Tell a chat or a monitor of a deployment: posts what a hook is told to the address in the variable WEBHOOK_URL.

Copy it into the project, and name it in .mlem.yaml:

    core:
      hooks:
        after_gate: python hooks/post_to_webhook.py
        on_failure: python hooks/post_to_webhook.py
"""

import json
import os
import sys
import urllib.request

told = json.load(sys.stdin)
if told["error"]:
    text = f"{told['deployment']} failed: {told['error']['message']}"
else:
    text = f"{told['deployment']}: release {told['release']} ({told['model']}) by {told['performer']}: {told['url']}"
if told["message"]:
    text += f"\n{told['message']}"
request = urllib.request.Request(
    os.environ["WEBHOOK_URL"],
    data=json.dumps({"text": text}).encode(),
    headers={"Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=10) as answer:
    print(f"posted: {answer.status}")
