"""From a body to values: parsed with the signature in mind, of bounded size, the large ones beside the event loop."""
