package sim

import (
	"fmt"
	"time"
)

// imageJob is an asynchronous request for pictures, of dall-e-2 in the preview of
// 2023. It moves on by one state with each look at it.
type imageJob struct {
	id      string
	created time.Time
	seen    int
	failed  bool
	data    []byte // result.data
}

// jobLife is for how long the service keeps a result.
const jobLife = 24 * time.Hour

// answerImageSubmit takes a request and names where to look for its result.
func answerImageSubmit(c *call) (*reply, error) {
	q, err := readImage(c, familyOf("dall-e-2"))
	if err != nil {
		return nil, err
	}
	job := imageJob{id: newRequestID(classic), created: time.Now(), failed: q.phrases.filter, data: []byte{'['}}
	q.link = true
	for i := range q.n {
		if i > 0 {
			job.data = append(job.data, ',')
		}
		job.data = append(job.data, `{"url":`...)
		job.data = appendString(job.data, q.url(c, i))
		job.data = append(job.data, '}')
	}
	job.data = append(job.data, ']')
	c.sim.media.keepJob(&job)
	where := c.base() + "/openai/operations/images/" + job.id + "?api-version=" + c.version
	return &reply{status: 202, header: [][2]string{{"Operation-Location", where}, {"Retry-After", "1"}},
		plain: &body{open: fmt.Appendf(nil, `{"id":"%s","status":"notRunning"}`, job.id)}}, nil
}

// answerImageOperation tells how far a request is.
func answerImageOperation(c *call) (*reply, error) {
	job, ok := c.sim.media.lookAtJob(c.r.PathValue("id"))
	if !ok {
		return nil, errNoJob()
	}
	created := job.created.Unix()
	b := fmt.Appendf(nil, `{"created":%d,"expires":%d,"id":"%s",`, created, job.created.Add(jobLife).Unix(), job.id)
	a := &reply{plain: &body{}}
	switch {
	case job.seen <= 2:
		b = fmt.Appendf(b, `"status":"%s"}`, [...]string{"notRunning", "notRunning", "running"}[job.seen])
		a.header = [][2]string{{"Retry-After", "1"}}
	case job.failed:
		b = append(b, `"error":{"code":"contentFilter","message":"Your task failed as a result of our safety system."},"status":"failed"}`...)
	default:
		b = fmt.Appendf(b, `"result":{"created":%d,"data":%s},"status":"succeeded"}`, created, job.data)
	}
	a.plain.open = b
	return a, nil
}

// answerImageDelete forgets a request.
func answerImageDelete(c *call) (*reply, error) {
	if !c.sim.media.dropJob(c.r.PathValue("id")) {
		return nil, errNoJob()
	}
	return &reply{status: 204, plain: &body{}}, nil
}

func errNoJob() *apiError {
	return &apiError{status: 404, code: "404", message: "Operation not found"}
}
