// Package front is the gateway's entrance: the listener with TLS, HTTP/2 and the
// PROXY protocol, what it limits, the client's address, and the way to stop.
//
// What always holds: an answer has no time limit of the server's, so a stream
// may last as long as its model speaks; headers have one, and so has the silence
// of a client in the middle of its request's body. A connection counts under the
// address of its client, not of the balancer before it. TLS files that cannot be
// used never replace ones that can. No address is believed that a peer claims
// unless the config names that peer.
package front
