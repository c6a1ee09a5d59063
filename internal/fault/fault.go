// Package fault is the vocabulary of what goes wrong: a kind that maps to one
// HTTP status, a public message, and the words that API Management's log uses
// for it (LastErrorSource, LastErrorReason, LastErrorSection).
//
// What always holds: Message may be shown to a caller and never carries a
// prompt, a completion, a key or a token; Err is for operators and is not shown.
package fault

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Kind says what went wrong, independent of any wire format.
type Kind uint8

// The kinds. Each has one HTTP status; see [Kind.Status].
const (
	Internal Kind = iota
	BadRequest
	Unauthorized
	Forbidden
	NotFound
	MethodNotAllowed
	Conflict
	TooLarge
	UnsupportedMedia
	UpgradeRequired
	TooManyRequests
	BadGateway
	Unavailable
	Timeout
	RequestTimeout
)

var statuses = [...]int{
	Internal:         http.StatusInternalServerError,
	BadRequest:       http.StatusBadRequest,
	Unauthorized:     http.StatusUnauthorized,
	Forbidden:        http.StatusForbidden,
	NotFound:         http.StatusNotFound,
	MethodNotAllowed: http.StatusMethodNotAllowed,
	Conflict:         http.StatusConflict,
	TooLarge:         http.StatusRequestEntityTooLarge,
	UnsupportedMedia: http.StatusUnsupportedMediaType,
	UpgradeRequired:  http.StatusUpgradeRequired,
	TooManyRequests:  http.StatusTooManyRequests,
	BadGateway:       http.StatusBadGateway,
	Unavailable:      http.StatusServiceUnavailable,
	Timeout:          http.StatusGatewayTimeout,
	RequestTimeout:   http.StatusRequestTimeout,
}

// Status is the HTTP status that answers this kind.
func (k Kind) Status() int {
	if int(k) >= len(statuses) {
		return http.StatusInternalServerError
	}
	return statuses[k]
}

// Error is a failure that a caller is told about.
type Error struct {
	Kind Kind
	// Code stands in error.code of the answer, e.g. "DeploymentNotFound".
	// Empty means the status as text, as Azure does.
	Code string
	// Message is public: what is wrong, where, and the mend.
	Message string
	// Param names the offending field of the request, when there is one.
	Param string
	// Source, Reason and Section are LastErrorSource, LastErrorReason and
	// LastErrorSection of the log, in API Management's vocabulary
	// (api-management-error-handling-policies).
	Source, Reason, Section string
	// RetryAfter, when positive, is told to the caller.
	RetryAfter time.Duration
	// Err is the cause, for operators only.
	Err error
}

// Error gives the public message, and the cause behind it.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Message, e.Err)
	}
	return e.Message
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Of finds the Error in err's chain; any other error becomes an Internal one
// whose public message says nothing about the cause.
func Of(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Kind: Internal, Message: "The gateway failed to handle the request.", Reason: "InternalError", Source: "gateway", Err: err}
}
