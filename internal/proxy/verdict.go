package proxy

import (
	"strconv"
	"time"

	"weir/internal/fault"
)

// tripped refuses a call when no backend may be tried: all are throttled, or
// some are ill.
func tripped(wait time.Duration, throttled bool) *fault.Error {
	f := &fault.Error{
		Kind: fault.Unavailable, Code: "503", RetryAfter: wait, Message: "No backend of this deployment can take the call at the moment." + again(wait),
		Source: "forward-request", Reason: "BackendsUnavailable", Section: "backend",
	}
	if throttled {
		f.Kind, f.Code, f.Reason = fault.TooManyRequests, "429", "BackendsThrottled"
		f.Message = "All backends of this deployment have exceeded their rate limits." + again(wait)
	}
	return f
}

// unlike refuses a call whose backends failed in different ways.
func unlike(wait time.Duration) *fault.Error {
	return &fault.Error{
		Kind: fault.Unavailable, Code: "503", RetryAfter: wait, Message: "No backend of this deployment could take the call." + again(wait),
		Source: "forward-request", Reason: "BackendsFailed", Section: "backend",
	}
}

// again asks for another try, in the words of Azure OpenAI.
func again(wait time.Duration) string {
	if wait <= 0 {
		return ""
	}
	return " Please retry after " + strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10) + " seconds."
}

// noAnswer is what the client gets when no backend answered.
func noAnswer(err error) *fault.Error {
	f := &fault.Error{
		Kind: fault.BadGateway, Code: "502", Message: "No backend of this deployment could be reached.",
		Source: "forward-request", Reason: reasonOf(err), Section: "backend", Err: causeOf(err),
	}
	switch f.Reason {
	case "Timeout":
		f.Kind, f.Code, f.Message = fault.Timeout, "504", "The backend did not answer in time."
	case redirected:
		f.Message = "The backend answered with a redirect, which is not followed."
	case "CredentialUnavailable":
		f.Message = "The gateway has no credential for the backend at the moment."
	}
	return f
}
