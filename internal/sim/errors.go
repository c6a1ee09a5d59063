package sim

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// surface is how a call came in, and with it the shape of what goes out.
type surface uint8

const (
	classic surface = iota
	v1
	native
	inference
)

// apiError is an answer that is no success. Its text may be shown to the caller
// and never carries what the caller sent, but for names of parameters.
type apiError struct {
	status int
	code   string
	// kind is error.type; on the classic surface an error without one has the
	// short shape of the service in front of the model, {code, message}.
	kind    string
	message string
	param   string
	// inner is the JSON of innererror; model says that the model's own server
	// refused, which shows in headers.
	inner string
	// named says that inner has the specification's names on classic, too.
	named bool
	model bool
	// wait, when positive, goes to Retry-After and retry-after-ms.
	wait time.Duration
}

func (e *apiError) Error() string { return e.message }

// appendBody adds the error's body in the surface's shape.
func (e *apiError) appendBody(b []byte, on surface) []byte {
	b = append(b, `{"error":{`...)
	switch {
	case (on == classic || on == inference) && e.kind == "" && e.inner == "":
		b = append(b, `"code":`...)
		b = appendString(b, e.code)
		b = append(b, `,"message":`...)
		b = appendString(b, e.message)
		return append(b, "}}"...)
	case on == v1:
		b = append(b, `"code":`...)
		b = appendStringOrNull(b, e.code)
		b = append(b, `,"message":`...)
		b = appendString(b, e.message)
		b = append(b, `,"param":`...)
		b = appendStringOrNull(b, e.param)
		b = append(b, `,"type":`...)
		b = appendString(b, either(e.kind, "error"))
	default:
		b = append(b, `"message":`...)
		b = appendString(b, e.message)
		b = append(b, `,"type":`...)
		b = appendStringOrNull(b, e.kind)
		b = append(b, `,"param":`...)
		b = appendStringOrNull(b, e.param)
		b = append(b, `,"code":`...)
		b = appendStringOrNull(b, e.code)
	}
	if e.inner != "" && on != native {
		b = append(b, `,"status":`...)
		b = strconv.AppendInt(b, int64(e.status), 10)
		// The wire of the classic surface and the specification of v1 disagree
		// on these two names; readers have to know both.
		names := [2]string{"innererror", "content_filter_result"}
		if on == v1 || e.named {
			names = [2]string{"inner_error", "content_filter_results"}
		}
		b = fmt.Appendf(b, `,"%s":{"code":"ResponsibleAIPolicyViolation","%s":%s}`, names[0], names[1], e.inner)
	}
	return append(b, "}}"...)
}

func either(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

const invalidRequest = "invalid_request_error"

func errNoRoute(on surface, method, path string) *apiError {
	if on == native {
		return &apiError{status: 404, kind: invalidRequest, message: fmt.Sprintf("Invalid URL (%s %s)", method, path)}
	}
	return &apiError{status: 404, code: "404", message: "Resource not found"}
}

func errKey(on surface, given bool) *apiError {
	switch {
	case on != native:
		return &apiError{status: 401, code: "401", message: "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource."}
	case given:
		return &apiError{status: 401, kind: invalidRequest, code: "invalid_api_key", message: "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys."}
	default:
		return &apiError{status: 401, kind: invalidRequest, message: "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY). You can obtain an API key from https://platform.openai.com/account/api-keys."}
	}
}

func errNoDeployment(on surface, name string) *apiError {
	if on == native {
		return &apiError{status: 404, kind: invalidRequest, code: "model_not_found", message: "The model `" + name + "` does not exist or you do not have access to it."}
	}
	return &apiError{status: 404, code: "DeploymentNotFound", message: "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again."}
}

func errNoModelGiven() *apiError {
	return &apiError{status: 400, kind: invalidRequest, message: "you must provide a model parameter"}
}

func errNotSupported(on surface, op *operation, model string) *apiError {
	if on == native {
		return &apiError{status: 404, kind: invalidRequest, param: "model", message: "This model does not support the operation " + op.name + "."}
	}
	return &apiError{status: 400, code: "OperationNotSupported", message: fmt.Sprintf("The %s operation does not work with the specified model, %s. Please choose different model and try again. You can learn more about which models can be used with each operation here: https://go.microsoft.com/fwlink/?linkid=2197993.", op.verb, model)}
}

// errRate is the 429 of the request window (kind "call") or of the token window
// (kind "token").
func errRate(c *call, tokens bool, wait time.Duration) *apiError {
	e := &apiError{status: 429, code: "429", wait: wait}
	if c.surface == native {
		e.code, e.kind = "rate_limit_exceeded", "requests"
		limit, what := requestsPerWindow(c.deployment.TokensPerMinute), "requests per 10 seconds"
		if tokens {
			e.kind, limit, what = "tokens", c.deployment.TokensPerMinute, "tokens per min (TPM)"
		}
		e.message = fmt.Sprintf("Rate limit reached for %s in organization org-simulator on %s: Limit %d. Please try again in %v. Visit https://platform.openai.com/account/rate-limits to learn more.", c.deployment.Name, what, limit, wait.Round(time.Millisecond))
		return e
	}
	kind := "call"
	if tokens {
		kind = "token"
	}
	e.message = fmt.Sprintf("Requests to the %s Operation under Azure OpenAI API version %s have exceeded %s rate limit of your current OpenAI S0 pricing tier. Please retry after %d seconds. Please go here: https://aka.ms/oai/quotaincrease if you would like to further increase the default rate limit.",
		c.op.name, either(c.version, "v1"), kind, seconds(wait))
	return e
}

// seconds rounds up, so that who waits them waits long enough.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

func errFiltered(detected string) *apiError {
	return &apiError{status: 400, code: "content_filter", param: "prompt", inner: detected, model: true,
		message: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and retry. To learn more about our content filtering policies please read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766"}
}

func errInvalidPrompt() *apiError {
	return &apiError{status: 400, kind: invalidRequest, param: "prompt", code: "invalid_prompt", model: true,
		message: "Sorry! We've encountered an issue with repetitive patterns in your prompt. Please try again with a different prompt."}
}

func errNotJSON() *apiError {
	return &apiError{status: 400, kind: invalidRequest, model: true,
		message: "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The API expects a JSON payload, but what was sent was not valid JSON.)"}
}

func errMissing(on surface, param string) *apiError {
	if on == classic || on == inference {
		return &apiError{status: 400, kind: invalidRequest, model: true, message: "'" + param + "' is a required property"}
	}
	return &apiError{status: 400, kind: invalidRequest, code: "missing_required_parameter", param: param, model: true,
		message: "Missing required parameter: '" + param + "'."}
}

func errUnknownArgument(on surface, name string) *apiError {
	if on == classic || on == inference {
		return &apiError{status: 400, kind: invalidRequest, model: true, message: "Unrecognized request argument supplied: " + name}
	}
	return &apiError{status: 400, kind: invalidRequest, code: "unknown_parameter", param: name, model: true,
		message: "Unknown parameter: '" + name + "'."}
}

func errInvalid(param, code, format string, args ...any) *apiError {
	return &apiError{status: 400, kind: invalidRequest, code: code, param: param, model: true, message: fmt.Sprintf(format, args...)}
}

func errControl(err error) *apiError {
	return &apiError{status: 400, kind: invalidRequest, code: "SimulatorControl", message: "The simulator was asked for what it cannot do: " + err.Error()}
}

func errTooLarge() *apiError {
	return &apiError{status: 413, code: "413", kind: invalidRequest, message: "Request body too large. The simulator reads up to " + strconv.Itoa(maxRequest>>20) + " MiB."}
}

// injected texts, by status; others say what net/http calls the status.
var injected = map[int]apiError{
	401: {code: "PermissionDenied", message: "The principal lacks the required data action `Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action` to perform `POST /openai/deployments/{deployment-id}/chat/completions` operation."},
	408: {code: "Timeout", message: "The operation was timeout."},
	500: {kind: "server_error", model: true, message: "The server had an error processing your request. Sorry about that! You can retry your request, or contact us through an Azure support request at: https://go.microsoft.com/fwlink/?linkid=2213926 if you keep seeing this error."},
	503: {code: "ServiceUnavailable", message: "The server is currently overloaded with other requests. Sorry about that! You can retry your request, or contact us if the error persists."},
}

// errInjected is the answer that a control or a fault asked for.
func errInjected(c *call, status int) *apiError {
	switch status {
	case 400:
		return errFiltered(detectedJailbreak)
	case 404:
		return errNoDeployment(c.surface, c.deploymentName())
	case 429:
		if c.deployment != nil {
			e := errRate(c, false, time.Second)
			e.wait = 0 // said by controls only
			return e
		}
	}
	e := injected[status]
	e.status = status
	if e.message == "" {
		e.code = strconv.Itoa(status)
		e.message = either(http.StatusText(status), "Status "+strconv.Itoa(status)) + ". The simulator was asked to answer so."
	}
	if c.surface == native {
		e.kind, e.code = "server_error", ""
		if status == http.StatusInternalServerError {
			e.message = "The server had an error while processing your request. Sorry about that!"
		}
	}
	return &e
}
