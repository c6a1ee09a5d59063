package upstream

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// fetch asks for a token; fresh, where the one that azidentity may remember is of
// no use. azidentity's side is made anew each time: it reads its files again, and
// remembers no token, but for a managed identity's, which the process shares.
func (s *tokens) fetch(ctx context.Context, fresh bool) (*token, error) {
	w := s.wire()
	azure, err := s.make(w)
	if err != nil {
		return nil, &CredentialError{Method: s.method, Reason: err.Error()}
	}
	options := policy.TokenRequestOptions{Scopes: []string{s.scope}}
	if fresh && s.method == MethodManagedIdentity {
		options.Claims = "{}" // passes by what is remembered, and is not sent
	}
	got, err := azure.GetToken(ctx, options)
	if err != nil {
		return nil, s.failed(ctx, err, w)
	}
	now := time.Now()
	life := got.ExpiresOn.Sub(now)
	if !sendable(got.Token) || life <= 0 {
		return nil, &CredentialError{Method: s.method, Reason: "the token endpoint's answer has no usable token in it"}
	}
	t := &token{obtained: now, expires: got.ExpiresOn, renew: got.ExpiresOn.Add(-min(renewEarly, life/2))}
	if got.RefreshOn.After(now) {
		t.renew = earliest(t.renew, got.RefreshOn)
	}
	t.value[0] = "Bearer " + got.Token
	return t, nil
}

// sendable says whether a token can stand in a header field.
func sendable(token string) bool {
	for i := range len(token) {
		if token[i] <= ' ' || token[i] > '~' {
			return false
		}
	}
	return token != "" && len(token) <= maxToken
}

// failed makes azidentity's error one that can be shown: its text may hold the
// token endpoint's answer, of which only Entra's code is kept.
func (s *tokens) failed(ctx context.Context, err error, w *wire) error {
	e := &CredentialError{Method: s.method, Status: w.status, Code: entraCode.FindString(err.Error())}
	switch {
	case ctx.Err() != nil:
		return s.late()
	case entraMends[e.Code] != "":
		e.Reason = entraMends[e.Code]
	case e.Code != "" || e.Status != 0 && e.Status != http.StatusOK:
		e.Reason = "the token endpoint refused"
	case w.err != nil && Unsent(w.err):
		e.Reason = "no connection to " + w.host + ": " + w.err.Error()
	case w.err != nil:
		e.Reason = "the connection to " + w.host + " was lost"
	case e.Status == http.StatusOK:
		e.Status, e.Reason = 0, "the token endpoint's answer has no usable token in it"
	default:
		e.Reason = "the settings or their files cannot be used"
	}
	return e
}

// entraCode is how Entra numbers what is wrong.
var entraCode = regexp.MustCompile(`\bAADSTS[0-9]{4,9}\b`)

// entraMends says what to do about the usual ones (Microsoft Learn, "Microsoft Entra
// authentication & authorization error codes").
var entraMends = map[string]string{
	"AADSTS50034":   "the application is not known in this tenant: check client_id and tenant_id",
	"AADSTS90002":   "there is no such tenant: check tenant_id and authority_host",
	"AADSTS700016":  "the application is not known in this tenant: check client_id and tenant_id",
	"AADSTS7000215": "the client secret is wrong: give the secret's value, not its id",
	"AADSTS7000222": "the client secret has expired: make a new one",
	"AADSTS700027":  "the certificate is not registered for the application, or has expired",
	"AADSTS70021":   "no federated credential of the application suits the projected token: check issuer, subject and audience",
	"AADSTS700213":  "no federated credential of the application suits the projected token's subject",
	"AADSTS700211":  "no federated credential of the application suits the projected token's issuer",
	"AADSTS700024":  "the projected token or the certificate is not valid at this time: check the clock",
	"AADSTS500011":  "the scope's resource is not known in this tenant: check scope",
}

// maxAnswer limits what is read of a token endpoint's answer.
const maxAnswer = 1 << 20

// wire carries the requests of one renewal, and remembers how the last went.
type wire struct {
	transport http.RoundTripper
	host      string
	status    int
	err       error
}

func (s *tokens) wire() *wire { return &wire{transport: s.transport} }

// Do is azcore's policy.Transporter. It follows no redirect, which would take the
// secret elsewhere; nor does it leave that to an http.Client, which reads the
// request's body anew to find out, while it may still be on its way.
func (w *wire) Do(req *http.Request) (*http.Response, error) {
	resp, err := w.transport.RoundTrip(req)
	w.host, w.status, w.err = req.URL.Host, 0, err
	if err != nil {
		return nil, err
	}
	w.status = resp.StatusCode
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}
