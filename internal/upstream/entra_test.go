package upstream

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const tenant = "7f8d6f0c-1111-2222-3333-444455556666"

// entra stands in for Microsoft Entra ID and for the endpoints of managed
// identities. Its tokens are TOKEN1, TOKEN2 and so on.
type entra struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []string // paths
	form   url.Values
	status int
	answer string
	hang   chan struct{} // given a value for each request, which gets no answer then
}

func newEntra(t *testing.T) *entra {
	t.Helper()
	e := &entra{status: http.StatusOK}
	e.Server = httptest.NewUnstartedServer(e)
	e.Config.ErrorLog = quiet
	e.StartTLS()
	t.Cleanup(e.Close)
	return e
}

func (e *entra) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm() // a form that is none is empty
	if strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration") {
		base := "https://" + r.Host + "/" + tenant
		json.NewEncoder(w).Encode(map[string]string{
			"issuer": base + "/v2.0", "authorization_endpoint": base + "/authorize", "token_endpoint": base + "/token",
		})
		return
	}
	e.mu.Lock()
	e.asked = append(e.asked, r.URL.Path)
	e.form = r.Form
	for _, name := range []string{"Metadata", "X-Identity-Header"} {
		if v := r.Header.Get(name); v != "" {
			e.form.Set(name, v)
		}
	}
	status, answer, hang, n := e.status, e.answer, e.hang, len(e.asked)
	e.mu.Unlock()
	if hang != nil {
		hang <- struct{}{}
		<-r.Context().Done()
	}
	w.Header().Set("Location", "https://elsewhere.invalid/")
	w.WriteHeader(status)
	if answer == "" {
		expires := time.Now().Add(time.Hour).Unix()
		answer = fmt.Sprintf(`{"token_type":"Bearer","access_token":"TOKEN%d","expires_in":3600,"expires_on":"%d","resource":"r"}`, n, expires)
		if strings.HasSuffix(r.URL.Path, "/oauth2/token") { // IMDS has texts for numbers
			answer = strings.ReplaceAll(answer, "3600", `"3600"`)
		}
	}
	io.WriteString(w, answer)
}

func (e *entra) set(status int, answer string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status, e.answer, e.asked = status, answer, nil
}

func (e *entra) requests() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.asked)
}

// anywhere carries every request to the stand-in, whatever its host.
func (e *entra) anywhere() http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		to := req.Clone(req.Context())
		to.URL.Scheme, to.URL.Host = "https", e.Listener.Addr().String()
		to.Host = req.URL.Host
		return e.Client().Transport.RoundTrip(to)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func made(t *testing.T, kind string, settings Entra, rt http.RoundTripper) *credential {
	t.Helper()
	if p := problems(t, settings.check); len(p) > 0 {
		t.Fatal(p)
	}
	c, err := newCredential(kind, "", &settings, rt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

func wants(t *testing.T, form url.Values, want map[string]string) {
	t.Helper()
	for name, v := range want {
		if got := form.Get(name); got != v {
			t.Errorf("%s: %q, want %q", name, got, v)
		}
	}
}

func TestClientSecret(t *testing.T) {
	for _, host := range []string{"", "https://login.microsoftonline.us", "https://entra.example"} {
		e := newEntra(t)
		c := made(t, KindManagement, Entra{Method: MethodClientSecret, TenantID: tenant, ClientID: "app", ClientSecret: "hidden", AuthorityHost: host}, e.anywhere())
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if got := applied(t.Context(), c); got != "Bearer TOKEN1" {
					t.Error(got)
				}
			})
		}
		wg.Wait()
		wants(t, e.form, map[string]string{
			"grant_type": "client_credentials", "client_id": "app", "client_secret": "hidden",
			"scope": "https://management.azure.com/.default openid offline_access profile",
		})
		if n := e.requests(); n != 1 {
			t.Errorf("%d token requests", n)
		}
		again := *c.tokens.current.Load()
		again.obtained = again.obtained.Add(-time.Hour)
		c.tokens.current.Store(&again)
		c.Refused()
		if got := applied(t.Context(), c); got != "Bearer TOKEN2" {
			t.Errorf("after a refusal %q", got)
		}
	}
}

func TestWorkloadIdentity(t *testing.T) {
	e := newEntra(t)
	file := write(t, filepath.Join(t.TempDir(), "token"), []byte("projected1"))
	t.Setenv("AZURE_TENANT_ID", tenant)
	t.Setenv("AZURE_CLIENT_ID", "app")
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", file)
	c := made(t, KindAzure, Entra{Method: MethodWorkloadIdentity}, e.anywhere())
	for i, want := range []string{"projected1", "projected2"} {
		write(t, file, []byte(want))
		if got := applied(t.Context(), c); got != fmt.Sprintf("Bearer TOKEN%d", i+1) {
			t.Error(got)
		}
		wants(t, e.form, map[string]string{"client_assertion": want, "client_id": "app"})
		c.tokens.current.Store(nil)
	}
}

func TestClientCertificate(t *testing.T) {
	e := newEntra(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "gateway.pem")
	var thumbprints []string
	settings := Entra{Method: MethodClientCertificate, TenantID: tenant, ClientID: "app", CertificateFile: "gateway.pem"}
	settings.locate(dir)
	var c *credential
	for range 2 {
		cert, key := rsaPair(t)
		write(t, file, slices.Concat(cert, key))
		if c == nil {
			c = made(t, KindAzure, settings, e.anywhere())
		}
		if got := applied(t.Context(), c); !strings.HasPrefix(got, "Bearer TOKEN") {
			t.Fatal(got)
		}
		head, _, _ := strings.Cut(e.form.Get("client_assertion"), ".")
		text, err := base64.RawURLEncoding.DecodeString(head)
		if err != nil {
			t.Fatal(err)
		}
		thumbprints = append(thumbprints, string(text))
		c.tokens.current.Store(nil)
	}
	if thumbprints[0] == thumbprints[1] || !strings.Contains(thumbprints[0], "x5t") {
		t.Errorf("assertions by %q", thumbprints)
	}
	write(t, file, []byte("hidden"))
	if got := applied(t.Context(), c); !strings.Contains(got, "holds no certificate") || strings.Contains(got, "hidden") {
		t.Error(got)
	}
}

// TestManagedIdentity: each test's identity is another one, since the process
// shares their tokens.
func TestManagedIdentity(t *testing.T) {
	t.Run("App Service", func(t *testing.T) {
		e := newEntra(t)
		t.Setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:1/msi/token")
		t.Setenv("IDENTITY_HEADER", "proof")
		id := rand.Text()
		c := made(t, KindAzure, Entra{Method: MethodManagedIdentity, ClientID: id}, e.anywhere())
		if got := applied(t.Context(), c); got != "Bearer TOKEN1" {
			t.Error(got)
		}
		wants(t, e.form, map[string]string{"X-Identity-Header": "proof", "client_id": id, "resource": "https://cognitiveservices.azure.com"})
		c.tokens.current.Store(nil)
		if got := applied(t.Context(), c); got != "Bearer TOKEN1" {
			t.Errorf("%q is not the process's token", got)
		}
		again := *c.tokens.current.Load()
		again.obtained = time.Now().Add(-time.Hour)
		c.tokens.current.Store(&again)
		c.Refused()
		if got := applied(t.Context(), c); got != "Bearer TOKEN2" {
			t.Errorf("after a refusal %q", got)
		}
	})
	t.Run("IMDS", func(t *testing.T) {
		e := newEntra(t)
		t.Setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1")
		id := rand.Text()
		c := made(t, KindAzure, Entra{Method: MethodManagedIdentity, ClientID: id, Scope: "api://own/.default"}, e.anywhere())
		if got := applied(t.Context(), c); got != "Bearer TOKEN1" {
			t.Error(got)
		}
		wants(t, e.form, map[string]string{"Metadata": "true", "client_id": id, "resource": "api://own"})
		if d := cmp.Diff([]string{"/metadata/identity/oauth2/token"}, e.asked); d != "" {
			t.Error(d)
		}
	})
	t.Run("none", func(t *testing.T) {
		e := newEntra(t)
		e.set(http.StatusBadRequest, `{"error":"invalid_request","error_description":"hidden"}`)
		for _, id := range []string{"", "of-nobody"} {
			c := made(t, KindAzure, Entra{Method: MethodManagedIdentity, ClientID: id}, e.anywhere())
			if got := applied(t.Context(), c); !strings.Contains(got, "HTTP 400") || strings.Contains(got, "hidden") {
				t.Error(got)
			}
		}
	})
}

// TestTokenEndpointFails: what is told of it, and that nothing of its answers is.
func TestTokenEndpointFails(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		answer string
		want   string
	}{
		{"a wrong secret", 401, `{"error":"invalid_client","error_description":"AADSTS7000215: hidden is not valid"}`, "client_secret: AADSTS7000215: HTTP 401: the client secret is wrong"},
		{"another code", 400, `{"error":"invalid_request","error_description":"AADSTS90014: hidden"}`, "AADSTS90014: HTTP 400: the token endpoint refused"},
		{"no code", 403, "hidden", "HTTP 403: the token endpoint refused"},
		{"an error of its own", 500, "hidden", "HTTP 500: the token endpoint refused"},
		{"a redirect", 307, "hidden", "HTTP 307: the token endpoint refused"},
		{"garbage", 200, "hidden", "no usable token"},
		{"another object", 200, `{"hidden":1}`, "no usable token"},
		{"an empty token", 200, `{"access_token":"","expires_in":3600,"x":"hidden"}`, "no usable token"},
		{"an expired one", 200, `{"access_token":"hidden","token_type":"Bearer","expires_in":-1}`, "no usable token"},
		{"without an end", 200, `{"access_token":"` + strings.Repeat("hidden", 1<<20), "no usable token"},
	} {
		e := newEntra(t)
		e.set(tt.status, tt.answer)
		c := made(t, KindAzure, Entra{Method: MethodClientSecret, TenantID: tenant, ClientID: "app", ClientSecret: "hidden"}, e.anywhere())
		got := applied(t.Context(), c)
		if !strings.Contains(got, tt.want) || strings.Contains(got, "hidden") || len(got) > 200 {
			t.Errorf("%s: %.300q, want %q", tt.name, got, tt.want)
		}
		if n := e.requests(); n > 3 {
			t.Errorf("%s: %d requests", tt.name, n)
		}
	}
}

func TestTokenEndpointIsGone(t *testing.T) {
	e := newEntra(t)
	settings := Entra{Method: MethodClientSecret, TenantID: tenant, ClientID: "app", ClientSecret: "hidden"}
	e.hang = make(chan struct{})
	c := made(t, KindAzure, settings, e.anywhere())
	told := make(chan string)
	go func() { told <- applied(t.Context(), c) }()
	<-e.hang
	c.close() // ends the request under way
	if got := <-told; got == "" || strings.Contains(got, "hidden") || strings.HasPrefix(got, "Bearer") {
		t.Error(got)
	}
	settings.AuthorityHost = "https://127.0.0.1:1"
	if got := applied(t.Context(), made(t, KindAzure, settings, nil)); !strings.Contains(got, "no connection to 127.0.0.1:1") || strings.Contains(got, "hidden") {
		t.Error(got)
	}
}

func TestEntraCheck(t *testing.T) {
	dir := t.TempDir()
	cert, key := rsaPair(t)
	write(t, filepath.Join(dir, "both.pem"), slices.Concat(cert, key))
	write(t, filepath.Join(dir, "cert.pem"), cert)
	for _, name := range []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"} {
		t.Setenv(name, "")
	}
	for _, tt := range []struct {
		e    Entra
		want []string
	}{
		{Entra{Method: MethodManagedIdentity}, nil},
		{Entra{Method: MethodManagedIdentity, ClientID: "id", Scope: "api://x/.default"}, nil},
		{Entra{Method: MethodWorkloadIdentity, TenantID: "t", ClientID: "id", TokenFile: "cert.pem"}, nil},
		{Entra{Method: MethodClientSecret, TenantID: "contoso.com", ClientID: "id", ClientSecret: "hidden", AuthorityHost: "https://login.microsoftonline.us/"}, nil},
		{Entra{Method: MethodClientCertificate, TenantID: "t", ClientID: "id", CertificateFile: "both.pem"}, nil},
		{Entra{}, []string{"method"}},
		{Entra{Method: "default", TenantID: "t/x", Scope: "x"}, []string{"method", "tenant_id", "scope"}},
		{Entra{Method: MethodManagedIdentity, TenantID: "t", ClientSecret: "hidden", CertificateFile: "x", CertificatePassword: "hidden", TokenFile: "x", AuthorityHost: "https://x"},
			[]string{"tenant_id", "client_secret", "certificate_file", "certificate_password", "token_file", "authority_host"}},
		{Entra{Method: MethodWorkloadIdentity}, []string{"tenant_id", "client_id", "token_file"}},
		{Entra{Method: MethodWorkloadIdentity, TenantID: "t", ClientID: "i d", TokenFile: "none"}, []string{"token_file", "client_id"}},
		{Entra{Method: MethodClientSecret}, []string{"tenant_id", "client_id", "client_secret"}},
		{Entra{Method: MethodClientSecret, TenantID: "common", ClientID: "id", ClientSecret: "hidden\n", AuthorityHost: "http://x"}, []string{"tenant_id", "client_secret", "authority_host"}},
		{Entra{Method: MethodClientSecret, TenantID: "t", ClientID: "id", ClientSecret: "hidden", AuthorityHost: "https://u:hidden@x/y?z"}, []string{"authority_host"}},
		{Entra{Method: MethodClientCertificate, TenantID: "t", ClientID: "id", CertificateFile: "none.pem"}, []string{"certificate_file"}},
		{Entra{Method: MethodClientCertificate, TenantID: "t", ClientID: "id", CertificateFile: "cert.pem"}, []string{"certificate_file"}},
		{Entra{Method: MethodClientCertificate, TenantID: "t", ClientID: "id", CertificateFile: "both.pem", CertificatePassword: "hidden"}, []string{"certificate_file"}},
	} {
		tt.e.locate(dir)
		if d := cmp.Diff(tt.want, problems(t, tt.e.check)); d != "" {
			t.Errorf("%s: %s", tt.e.Method, d)
		}
	}
	if _, err := newCredential(KindAzure, "", &Entra{Method: "default"}, nil); err == nil {
		t.Error("a credential without a method")
	}
}
