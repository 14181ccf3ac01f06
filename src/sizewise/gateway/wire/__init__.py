"""What goes over the wire: requests, answers, streams and errors in the forms of OpenAI's and Anthropic's APIs."""
