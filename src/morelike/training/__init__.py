"""Networks in plain torch and their way to ONNX files. Needs the extra ``train``; nothing else imports it."""
