"""websockets: a page that shows what is sent to it over a WebSocket, as the example of tornado that Istio takes."""
