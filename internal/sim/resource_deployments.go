package sim

import (
	"encoding/json"
	"net/http"
	"strings"
)

// The data plane's deployments, of the early previews.

// shown is a deployment as the data plane shows it.
func (d *deployment) shown() document {
	out := document{"object": "deployment", "id": d.Name, "model": d.Model, "owner": "organization-owner", "status": "succeeded",
		"scale_settings": document{"scale_type": "standard"}, "created_at": modelCreated, "updated_at": modelCreated}
	for name, v := range d.doc {
		out[name] = v
	}
	return out
}

func listDeployments(c *call, _ *route) (*reply, error) {
	data := []any{}
	for _, d := range c.sim.deployments.all() {
		if !d.tuned {
			data = append(data, d.shown())
		}
	}
	return jsonReply(document{"object": "list", "data": data}), nil
}

// named is the deployment that the path names.
func (c *call) named() (*deployment, error) {
	d := c.sim.deployment(c.r.PathValue("deployment"), classic)
	if d == nil {
		return nil, errNoDeployment(classic, "")
	}
	return d, nil
}

func getDeployment(c *call, _ *route) (*reply, error) {
	d, err := c.named()
	if err != nil {
		return nil, err
	}
	return jsonReply(d.shown()), nil
}

// createDeployment makes a model callable under an id that the service chooses.
func createDeployment(c *call, _ *route) (*reply, error) {
	if err := c.require("model scale_settings"); err != nil {
		return nil, err
	}
	var name string
	if _, err := c.get("model", &name); err != nil {
		return nil, err
	}
	d := &deployment{Deployment: Deployment{Name: strings.ToLower(randomID("deployment-", 32)), Model: name}, model: c.sim.modelNamed(name)}
	d.doc = map[string]any{"scale_settings": json.RawMessage(c.raw("scale_settings")), "created_at": now(), "updated_at": now()}
	c.sim.deployments.put(d)
	where := c.base() + c.r.URL.Path + "/" + d.Name + "?api-version=" + c.version
	a := jsonReply(d.shown())
	a.header = [][2]string{{"Location", where}}
	return a, nil
}

func updateDeployment(c *call, _ *route) (*reply, error) {
	d, err := c.named()
	if err != nil {
		return nil, err
	}
	changed := *d
	changed.doc = map[string]any{"updated_at": now()}
	for name, v := range d.doc {
		changed.doc[name] = v
	}
	if raw := c.raw("scale_settings"); raw != nil {
		changed.doc["scale_settings"] = json.RawMessage(raw)
	}
	if name := strings.Join(idsAt(c.raw("model"), ""), ""); name != "" {
		changed.Model, changed.model = name, c.sim.modelNamed(name)
	}
	c.sim.deployments.put(&changed)
	return jsonReply(changed.shown()), nil
}

func deleteDeployment(c *call, _ *route) (*reply, error) {
	d, err := c.named()
	if err != nil {
		return nil, err
	}
	c.sim.deployments.remove(d.Name)
	return &reply{status: http.StatusNoContent, plain: &body{}}, nil
}

// Deployments as Azure Resource Manager has them.

// armID is the resource id of a deployment in the account that the path names.
func (c *call) armID(name string) string {
	path := c.r.URL.Path
	return path[:strings.LastIndex(path, "/deployments")] + "/deployments/" + name
}

// armShown is a deployment as Resource Manager shows it.
func (c *call) armShown(d *deployment) document {
	base, version := d.model.base, d.model.version
	capacity := d.TokensPerMinute / 1000
	sku, _ := d.doc["sku"].(document)
	if sku == nil {
		sku = document{"name": "Standard", "capacity": capacity}
	}
	properties := document{
		"model":             document{"format": "OpenAI", "name": base, "version": version},
		"provisioningState": "Succeeded", "raiPolicyName": "Microsoft.DefaultV2", "versionUpgradeOption": "OnceNewDefaultVersionAvailable",
		"capabilities": d.model.capabilities(), "currentCapacity": capacity,
		"rateLimits": []document{
			{"key": "request", "renewalPeriod": 10, "count": requestsPerWindow(d.TokensPerMinute)},
			{"key": "token", "renewalPeriod": 60, "count": d.TokensPerMinute},
		},
	}
	return document{"id": c.armID(d.Name), "name": d.Name, "type": "Microsoft.CognitiveServices/accounts/deployments",
		"sku": sku, "properties": properties, "etag": `"` + d.model.fingerprint + `"`}
}

// capabilities is what a model can do, in Resource Manager's words.
func (m *model) capabilities() document {
	words := map[ability]string{chats: "chatCompletion", completes: "completion", embeds: "embeddings", draws: "imageGenerations"}
	out := document{}
	for _, can := range m.can {
		if word := words[can]; word != "" {
			out[word] = "true"
		}
	}
	return out
}

func armList(c *call, _ *route) (*reply, error) {
	value := []any{}
	for _, d := range c.sim.deployments.all() {
		if !d.tuned {
			value = append(value, c.armShown(d))
		}
	}
	return jsonReply(document{"value": value}), nil
}

// armFind is the deployment that the path names, or Resource Manager's 404.
func (c *call) armFind() (*deployment, error) {
	name := c.r.PathValue("deployment")
	d := c.sim.deployment(name, classic)
	if d == nil {
		return nil, &apiError{status: http.StatusNotFound, code: "ResourceNotFound",
			message: "The Resource 'Microsoft.CognitiveServices/accounts/" + c.r.PathValue("account") + "/deployments/" + name + "' under resource group '" + c.r.PathValue("group") + "' was not found."}
	}
	return d, nil
}

func armGet(c *call, _ *route) (*reply, error) {
	d, err := c.armFind()
	if err != nil {
		return nil, err
	}
	return jsonReply(c.armShown(d)), nil
}

// armBody is as much of a deployment's description as the simulator goes by.
type armBody struct {
	sku struct {
		Name     string `json:"name"`
		Capacity int    `json:"capacity"`
	}
	properties struct {
		Model struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"model"`
	}
}

// armPut makes or changes a deployment, which can be called at once.
func armPut(c *call, _ *route) (*reply, error) {
	var in armBody
	if _, err := c.get("sku", &in.sku); err != nil {
		return nil, err
	}
	if _, err := c.get("properties", &in.properties); err != nil {
		return nil, err
	}
	name := c.r.PathValue("deployment")
	d := &deployment{Deployment: Deployment{Name: name}}
	if old := c.sim.deployment(name, classic); old != nil {
		*d = *old
	} else if c.r.Method == http.MethodPatch {
		_, err := c.armFind()
		return nil, err
	}
	if model := in.properties.Model.Name; model != "" {
		d.Model, d.model = model, c.sim.modelNamed(model)
		if v := in.properties.Model.Version; v != "" && d.model.version != "" {
			d.model.version, d.model.id = v, d.model.base+"-"+v
		}
	}
	if d.Model == "" || in.sku.Capacity < 0 {
		return nil, &apiError{status: http.StatusBadRequest, code: "InvalidResourceProperties", message: "The deployment needs properties.model.name and a sku.capacity that is not negative."}
	}
	if in.sku.Name != "" || in.sku.Capacity > 0 {
		d.doc = map[string]any{"sku": document{"name": either(in.sku.Name, "Standard"), "capacity": in.sku.Capacity}}
		d.TokensPerMinute = in.sku.Capacity * 1000
		d.limit = newLimiter(d.TokensPerMinute)
	}
	a := &reply{}
	if c.sim.deployments.put(d) {
		a.status = http.StatusCreated
	}
	a.plain = &body{open: encode(c.armShown(d))}
	return a, nil
}

func armDelete(c *call, _ *route) (*reply, error) {
	if c.sim.deployments.remove(c.r.PathValue("deployment")) {
		return &reply{status: http.StatusOK, plain: &body{}}, nil
	}
	return &reply{status: http.StatusNoContent, plain: &body{}}, nil
}
