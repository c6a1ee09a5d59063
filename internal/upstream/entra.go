package upstream

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// Ways to get tokens of Entra.
const (
	MethodManagedIdentity   = "managed_identity"
	MethodWorkloadIdentity  = "workload_identity"
	MethodClientSecret      = "client_secret"
	MethodClientCertificate = "client_certificate"
)

// Entra is how the gateway gets tokens of Microsoft Entra ID for a backend. They
// are renewed five minutes before they expire.
type Entra struct {
	// Method is "managed_identity" (of the machine, container or app),
	// "workload_identity" (of a Kubernetes service account), "client_secret" or
	// "client_certificate" (of an application).
	Method string `yaml:"method"`
	// TenantID is the application's tenant; for workload_identity by default
	// the environment's AZURE_TENANT_ID.
	TenantID string `yaml:"tenant_id"`
	// ClientID is the application's id; for workload_identity by default the
	// environment's AZURE_CLIENT_ID; for managed_identity that of a user-assigned
	// identity, by default the system-assigned one is used.
	ClientID string `yaml:"client_id"`
	// ClientSecret is the secret of client_secret: ${env:NAME} or ${file:PATH}.
	ClientSecret string `yaml:"client_secret"`
	// CertificateFile is the certificate of client_certificate with its private
	// key, in PEM or PKCS #12. It is read again for each token.
	CertificateFile string `yaml:"certificate_file"`
	// CertificatePassword opens a PKCS #12 file: ${env:NAME} or ${file:PATH}.
	CertificatePassword string `yaml:"certificate_password"`
	// TokenFile is workload_identity's projected token; by default the
	// environment's AZURE_FEDERATED_TOKEN_FILE. It is read again for each token.
	TokenFile string `yaml:"token_file"`
	// Scope is what tokens are for; default
	// https://cognitiveservices.azure.com/.default, for a management backend
	// https://management.azure.com/.default.
	Scope string `yaml:"scope"`
	// AuthorityHost is Entra's address in a national cloud, as in
	// https://login.microsoftonline.us; default https://login.microsoftonline.com.
	AuthorityHost string `yaml:"authority_host"`
}

func scopeOf(kind string) string {
	if kind == KindManagement {
		return "https://management.azure.com/.default"
	}
	return "https://cognitiveservices.azure.com/.default"
}

// locate makes the paths of files absolute, from the config's folder.
func (e *Entra) locate(dir string) {
	e.CertificateFile, e.TokenFile = located(dir, e.CertificateFile), located(dir, e.TokenFile)
}

// entraUse says what a method does with a field.
type entraUse struct {
	field string
	value func(*Entra) string
	needs string // the methods that need it
	takes string // those that take it besides
	env   string // the variable that workload_identity takes it from
	hint  string
}

var entraUses = []entraUse{
	{"tenant_id", func(e *Entra) string { return e.TenantID }, "workload_identity client_secret client_certificate", "", "AZURE_TENANT_ID", "tenant_id: 00000000-0000-0000-0000-000000000000"},
	{"client_id", func(e *Entra) string { return e.ClientID }, "workload_identity client_secret client_certificate", "managed_identity", "AZURE_CLIENT_ID", "client_id: 00000000-0000-0000-0000-000000000000"},
	{"client_secret", func(e *Entra) string { return e.ClientSecret }, "client_secret", "", "", "client_secret: ${env:NAME}"},
	{"certificate_file", func(e *Entra) string { return e.CertificateFile }, "client_certificate", "", "", "certificate_file: gateway.pem"},
	{"certificate_password", func(e *Entra) string { return e.CertificatePassword }, "", "client_certificate", "", ""},
	{"token_file", func(e *Entra) string { return e.TokenFile }, "workload_identity", "", "AZURE_FEDERATED_TOKEN_FILE", "token_file: /var/run/secrets/azure/tokens/azure-identity-token"},
	{"authority_host", func(e *Entra) string { return e.AuthorityHost }, "", "workload_identity client_secret client_certificate", "", ""},
}

func listed(methods, method string) bool {
	for m := range strings.FieldsSeq(methods) {
		if m == method {
			return true
		}
	}
	return false
}

// check reports what is wrong with the settings at path; files are read.
func (e *Entra) check(k *checker, path string) {
	switch e.Method {
	case MethodManagedIdentity, MethodWorkloadIdentity, MethodClientSecret, MethodClientCertificate:
		e.checkUses(k, path)
	default:
		k.bad(fmt.Sprintf("%q is no way to get a token", e.Method),
			"managed_identity, workload_identity, client_secret or client_certificate", "%s.method", path)
	}
	if e.TenantID != "" && !plainID(e.TenantID) || e.TenantID == "common" || e.TenantID == "organizations" || e.TenantID == "consumers" {
		k.bad("not a tenant's id", "the directory (tenant) id, or a domain of the tenant's", "%s.tenant_id", path)
	}
	if e.ClientID != "" && !plainID(e.ClientID) {
		k.bad("not a client's id", "the application (client) id", "%s.client_id", path)
	}
	if strings.ContainsAny(e.ClientSecret, "\r\n") {
		k.bad("the secret has a line end in it", "one line", "%s.client_secret", path)
	}
	if e.Scope != "" && (!strings.HasSuffix(e.Scope, "/.default") || strings.ContainsAny(e.Scope, " \t\r\n")) {
		k.bad("a scope for an application ends in /.default", "https://cognitiveservices.azure.com/.default", "%s.scope", path)
	}
	if u, err := url.Parse(e.AuthorityHost); e.AuthorityHost != "" && (err != nil || u.Scheme != "https" || u.Host == "" ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil) {
		k.bad("not an https URL of scheme and host", "https://login.microsoftonline.us", "%s.authority_host", path)
	}
}

// checkUses reports fields that the method lacks, or has no use for.
func (e *Entra) checkUses(k *checker, path string) {
	for _, u := range entraUses {
		value, needs := u.value(e), listed(u.needs, e.Method)
		if value != "" && !needs && !listed(u.takes, e.Method) {
			k.bad(e.Method+" has no use for it", "leave it out, or choose another method", "%s.%s", path, u.field)
		}
		if needs && e.Method == MethodWorkloadIdentity && value == "" {
			value = os.Getenv(u.env)
		}
		if needs && value == "" {
			k.bad(e.Method+" needs it", u.hint, "%s.%s", path, u.field)
			continue
		}
		if needs && u.field == "token_file" {
			if _, err := os.Stat(value); err != nil {
				k.bad(err.Error(), u.hint, "%s.%s", path, u.field)
			}
		}
		if needs && u.field == "certificate_file" {
			if _, err := e.credential(nil); err != nil {
				k.bad(err.Error(), "a certificate with its private key, in PEM or PKCS #12", "%s.%s", path, u.field)
			}
		}
	}
}

// plainID says whether an id is made of letters, digits, dots and dashes.
func plainID(id string) bool {
	for i := range len(id) {
		c := id[i]
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// credential makes azidentity's side, which sends its requests by w, tries each
// twice more within a few seconds, and reads its files now. Errors hold no secret.
func (e *Entra) credential(w policy.Transporter) (azcore.TokenCredential, error) {
	o := azcore.ClientOptions{Transport: w, Retry: policy.RetryOptions{
		MaxRetries: 2, TryTimeout: 4 * time.Second, RetryDelay: 200 * time.Millisecond, MaxRetryDelay: 2 * time.Second,
	}}
	if e.AuthorityHost != "" {
		o.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: e.AuthorityHost}
	}
	// Asking the public cloud whether the authority is one takes a request for each
	// token, and a network that leads there; the address is the operator's word.
	const alone = true
	var c azcore.TokenCredential
	var err error
	switch e.Method {
	case MethodManagedIdentity:
		m := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: o}
		if e.ClientID != "" {
			m.ID = azidentity.ClientID(e.ClientID)
		}
		c, err = azidentity.NewManagedIdentityCredential(m)
	case MethodWorkloadIdentity:
		c, err = azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: o, TenantID: e.TenantID, ClientID: e.ClientID, TokenFilePath: e.TokenFile, DisableInstanceDiscovery: alone,
		})
	case MethodClientSecret:
		c, err = azidentity.NewClientSecretCredential(e.TenantID, e.ClientID, e.ClientSecret,
			&azidentity.ClientSecretCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: alone})
	case MethodClientCertificate:
		return e.certificate(&azidentity.ClientCertificateCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: alone})
	default:
		return nil, errors.New("there is no such method")
	}
	if err != nil {
		return nil, errors.New("the settings cannot be used: check method, tenant_id and client_id")
	}
	return c, nil
}

func (e *Entra) certificate(o *azidentity.ClientCertificateCredentialOptions) (azcore.TokenCredential, error) {
	data, err := os.ReadFile(e.CertificateFile)
	if err != nil {
		return nil, err
	}
	certs, key, err := azidentity.ParseCertificates(data, []byte(e.CertificatePassword))
	if err != nil {
		return nil, fmt.Errorf("%s holds no certificate with its private key, or certificate_password is not its password", e.CertificateFile)
	}
	c, err := azidentity.NewClientCertificateCredential(e.TenantID, e.ClientID, certs, key, o)
	if err != nil {
		return nil, errors.New("the settings cannot be used: the certificate must fit its private key, and tenant_id and client_id be right")
	}
	return c, nil
}
