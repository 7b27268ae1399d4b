"""What was asked, answered, found and done, as attributes of spans, where the operator switches that on.

The shapes are those of the OpenTelemetry GenAI conventions:
https://github.com/open-telemetry/semantic-conventions/tree/v1.41.1/docs/gen-ai (gen-ai-input-messages.json and beside).
"""
