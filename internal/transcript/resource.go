package transcript

import (
	"strings"

	"weir/internal/record"
)

// kinds is what kind of object an id names, by its beginning. The kinds are the
// API's own, as "object" in such an object says.
var kinds = []struct{ prefix, kind string }{
	{"resp_", "response"},
	{"asst_", "assistant"},
	{"thread_", "thread"},
	{"msg_", "thread.message"},
	{"run_", "thread.run"},
	{"step_", "thread.run.step"},
	{"file-", "file"},
	{"assistant-", "file"},
	{"upload_", "upload"},
	{"ftjob-", "fine_tuning.job"},
	{"batch_", "batch"},
	{"vs_", "vector_store"},
	{"vsfb_", "vector_store.file_batch"},
	{"conv_", "conversation"},
	{"cntr_", "container"},
	{"eval_", "eval"},
	{"evalrun_", "eval.run"},
	{"chatcmpl-", "chat.completion"},
	{"sess_", "realtime.session"},
}

// resource fills which object the call addressed or created.
func resource(r *record.Row, d *dialect, ans string) {
	r.ResourceID = r.Begin.Resource
	id := ""
	if d.kind != "" {
		id = text(get(ans, "id"))
	}
	if r.ResourceID == "" {
		r.ResourceID = id
	}
	if r.ResourceID == "" {
		return
	}
	if object := text(get(ans, "object")); r.ResourceID == id && object != "" && object != "list" {
		r.ResourceType = strings.TrimSuffix(object, ".deleted")
		return
	}
	for _, k := range kinds {
		if strings.HasPrefix(r.ResourceID, k.prefix) {
			r.ResourceType = k.kind
			return
		}
	}
	r.ResourceType = d.kind
}
