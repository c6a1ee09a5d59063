package payload

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	gcaws "gocloud.dev/aws"
	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"
	"gocloud.dev/blob/s3blob"
)

// openAzure opens a container with the config's credentials, or with the
// environment's, as gocloud's own opener reads them.
func openAzure(ctx context.Context, c Config, u *url.URL) (Store, error) {
	if c.Key == "" && c.SASToken == "" {
		return openDefault(ctx, u)
	}
	opener := azureblob.URLOpener{
		ServiceURLOptions: azureblob.ServiceURLOptions{AccountName: c.KeyID, SASToken: c.SASToken},
		MakeClient: func(service azureblob.ServiceURL, name azureblob.ContainerName) (*container.Client, error) {
			at, err := url.JoinPath(string(service), string(name))
			if err != nil {
				return nil, err
			}
			if c.Key == "" {
				return container.NewClientWithNoCredential(at, nil) // the signature is in the URL
			}
			account := c.KeyID
			if account == "" {
				account = u.Query().Get("storage_account")
			}
			key, err := container.NewSharedKeyCredential(account, c.Key)
			if err != nil {
				return nil, err
			}
			return container.NewClientWithSharedKeyCredential(at, key, nil)
		},
	}
	b, err := opener.OpenBucketURL(ctx, u)
	return opening(b, err)
}

// openS3 opens a bucket likewise.
func openS3(ctx context.Context, c Config, u *url.URL) (Store, error) {
	if c.Key == "" {
		return openDefault(ctx, u)
	}
	q := u.Query()
	pathStyle, _ := strconv.ParseBool(q.Get("use_path_style"))
	q.Del("use_path_style")
	cfg, err := gcaws.V2ConfigFromURLParams(ctx, q)
	if err != nil {
		return opening(nil, err)
	}
	cfg.Credentials = credentials.NewStaticCredentialsProvider(c.KeyID, c.Key, "")
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = pathStyle })
	// The drivers' uploads do not take this from the client.
	b, err := s3blob.OpenBucket(ctx, client, u.Host, &s3blob.Options{RequestChecksumCalculation: cfg.RequestChecksumCalculation})
	return opening(b, err)
}

func openDefault(ctx context.Context, u *url.URL) (Store, error) {
	b, err := blob.DefaultURLMux().OpenBucketURL(ctx, u)
	return opening(b, err)
}

// opening makes a bucket a Store. Of an error that tells a URL only what is wrong
// with it is kept: the URL's query may be a signature.
func opening(b *blob.Bucket, err error) (Store, error) {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if err != nil {
		return nil, fmt.Errorf("open the payload store (payload.url): %w", err)
	}
	return bucket{b}, nil
}
