package record

// Table is what queries see: named columns over the stored ones.
type Table struct {
	Name, Doc string
	// PerMessage tables have a header row (SequenceNumber 0) for each exchange
	// of which IsModelCall holds, then a row for each chunk of its request's
	// messages and of its answer's. PerEvent tables have a row for each event of a
	// WebSocket's connection. Other tables have one row an exchange.
	PerMessage, PerEvent bool
	Columns              []TableColumn
}

// TableColumn is one column of a table. From names the stored column that it
// shows; without it the column is constant: Const, or the type's null. A column
// whose stored type is wider is converted (a size in a long to Azure's int).
type TableColumn struct {
	Name  string
	Type  Type
	Doc   string
	From  string
	Const string
}

// MessageChunk is the size in characters of a chunk of messages in a
// PerMessage table (API Management's is 32 KB).
const MessageChunk = 32 * 1024

// Tables lists every table. Names, order and types of Azure's tables are those
// of its reference pages (Microsoft Learn, Azure Monitor resource logs).
func Tables() []Table {
	return []Table{exchanges(), gatewayLogs(), gatewayLlmLog(), webSocketLogs()}
}

func exchanges() Table {
	t := Table{Name: "WeirExchanges", Doc: "One row for every call that reached the gateway, with all that is known of it."}
	for _, c := range Columns() {
		if !c.Hidden {
			t.Columns = append(t.Columns, TableColumn{Name: c.Name, Type: c.Type, Doc: c.Doc, From: c.Name})
		}
	}
	return t
}

func gatewayLogs() Table {
	return Table{Name: "ApiManagementGatewayLogs", Doc: "Azure API Management's gateway log: one row a call.", Columns: []TableColumn{
		{Name: "ApiId", Type: String, Doc: "The surface that was called.", From: "Surface"},
		{Name: "ApimSubscriptionId", Type: String, From: "ApimSubscriptionId"},
		{Name: "ApiRevision", Type: String, Doc: "The api-version that the client sent.", From: "ApiVersion"},
		{Name: "BackendId", Type: String, From: "BackendId"},
		{Name: "BackendMethod", Type: String, From: "BackendMethod"},
		{Name: "BackendProtocol", Type: String, From: "BackendProtocol"},
		{Name: "BackendRequestBody", Type: String, From: "BackendRequestBody"},
		{Name: "BackendRequestHeaders", Type: Dynamic, From: "BackendRequestHeaders"},
		{Name: "BackendResponseBody", Type: String, From: "BackendResponseBody"},
		{Name: "BackendResponseCode", Type: Int, From: "BackendResponseCode"},
		{Name: "BackendResponseHeaders", Type: Dynamic, From: "BackendResponseHeaders"},
		{Name: "BackendTime", Type: Long, From: "BackendTime"},
		{Name: "BackendUrl", Type: String, From: "BackendUrl"},
		{Name: "_BilledSize", Type: Real, Doc: "Null: nothing is billed by size."},
		{Name: "Cache", Type: String, Doc: "No cache stands in the way.", Const: "none"},
		{Name: "CacheTime", Type: Long, Doc: "Null without a cache."},
		{Name: "CallerIpAddress", Type: String, From: "CallerIpAddress"},
		{Name: "Category", Type: String, Const: "GatewayLogs"},
		{Name: "ClientProtocol", Type: String, From: "ClientProtocol"},
		{Name: "ClientTime", Type: Long, From: "ClientTime"},
		{Name: "ClientTlsVersion", Type: String, From: "ClientTlsVersion"},
		{Name: "CorrelationId", Type: String, From: "CorrelationId"},
		{Name: "Errors", Type: Dynamic, From: "Errors"},
		{Name: "_IsBillable", Type: String, Const: "false"},
		{Name: "IsMasterTrace", Type: Bool, Const: "false"},
		{Name: "IsRequestSuccess", Type: Bool, Doc: "Whether ResponseCode is 2xx or 3xx, or 101 (a WebSocket).", From: "ResponseCode"},
		{Name: "IsTraceAllowed", Type: Bool, Const: "false"},
		{Name: "IsTraceExpired", Type: Bool, Const: "false"},
		{Name: "IsTraceRequested", Type: Bool, Const: "false"},
		{Name: "LastErrorElapsed", Type: Long, From: "LastErrorElapsed"},
		{Name: "LastErrorMessage", Type: String, From: "LastErrorMessage"},
		{Name: "LastErrorReason", Type: String, From: "LastErrorReason"},
		{Name: "LastErrorScope", Type: String, From: "LastErrorScope"},
		{Name: "LastErrorSection", Type: String, From: "LastErrorSection"},
		{Name: "LastErrorSource", Type: String, From: "LastErrorSource"},
		{Name: "Method", Type: String, From: "Method"},
		{Name: "OperationId", Type: String, From: "OperationId"},
		{Name: "OperationName", Type: String, Const: "Microsoft.ApiManagement/GatewayLogs"},
		{Name: "ProductId", Type: String, From: "ProductId"},
		{Name: "Region", Type: String, From: "Region"},
		{Name: "RequestBody", Type: String, From: "RequestBody"},
		{Name: "RequestHeaders", Type: Dynamic, From: "RequestHeaders"},
		{Name: "RequestSize", Type: Int, From: "RequestSize"},
		{Name: "_ResourceId", Type: String, Doc: "The gateway's name.", From: "Gateway"},
		{Name: "ResponseBody", Type: String, From: "ResponseBody"},
		{Name: "ResponseCode", Type: Int, From: "ResponseCode"},
		{Name: "ResponseHeaders", Type: Dynamic, From: "ResponseHeaders"},
		{Name: "ResponseSize", Type: Int, From: "ResponseSize"},
		{Name: "SourceSystem", Type: String, Const: "Weir"},
		{Name: "_SubscriptionId", Type: String},
		{Name: "TenantId", Type: String},
		{Name: "TimeGenerated", Type: Datetime, From: "TimeGenerated"},
		{Name: "Timestamp", Type: Datetime, From: "TimeGenerated"},
		{Name: "TotalTime", Type: Long, From: "TotalTime"},
		{Name: "TraceRecords", Type: Dynamic},
		{Name: "Type", Type: String, Const: "ApiManagementGatewayLogs"},
		{Name: "Url", Type: String, From: "Url"},
		{Name: "UserId", Type: String, Doc: "The end user that the request's body named.", From: "EndUser"},
		{Name: "WorkspaceId", Type: String},
	}}
}

func gatewayLlmLog() Table {
	return Table{Name: "ApiManagementGatewayLlmLog", PerMessage: true, Doc: "Azure API Management's log of generative AI calls: a header row (SequenceNumber 0) with the tokens, then the messages in chunks.", Columns: []TableColumn{
		{Name: "ApiVersion", Type: String, From: "ApiVersion"},
		{Name: "_BilledSize", Type: Real},
		{Name: "CompletionTokens", Type: Int, From: "CompletionTokens"},
		{Name: "CorrelationId", Type: String, From: "CorrelationId"},
		{Name: "DeploymentName", Type: String, From: "DeploymentName"},
		{Name: "_IsBillable", Type: String, Const: "false"},
		{Name: "IsStreamCompletion", Type: Bool, From: "IsStream"},
		{Name: "ModelName", Type: String, From: "ModelName"},
		{Name: "OperationName", Type: String, From: "OperationId"},
		{Name: "PromptTokens", Type: Int, From: "PromptTokens"},
		{Name: "Region", Type: String, From: "Region"},
		{Name: "RequestId", Type: String, From: "RequestId"},
		{Name: "RequestMessages", Type: Dynamic, From: "RequestMessages"},
		{Name: "_ResourceId", Type: String, From: "Gateway"},
		{Name: "ResponseMessages", Type: Dynamic, From: "ResponseMessages"},
		{Name: "SequenceNumber", Type: Int, Doc: "0 for the header row, then the messages' chunks in order."},
		{Name: "SourceSystem", Type: String, Const: "Weir"},
		{Name: "_SubscriptionId", Type: String},
		{Name: "TenantId", Type: String},
		{Name: "TimeGenerated", Type: Datetime, From: "TimeGenerated"},
		{Name: "TotalTokens", Type: Int, From: "TotalTokens"},
		{Name: "Type", Type: String, Const: "ApiManagementGatewayLlmLog"},
	}}
}

// The values of EventName in ApiManagementWebSocketConnectionLogs. Microsoft's
// reference says that the column names the event, and lists no values.
const (
	SocketOpened = "ConnectionOpened"
	SocketFailed = "ConnectionError"
	SocketClosed = "ConnectionClosed"
)

func webSocketLogs() Table {
	return Table{Name: "ApiManagementWebSocketConnectionLogs", PerEvent: true, Doc: "Azure API Management's log of WebSocket connections: a row when one is opened, fails and is closed.", Columns: []TableColumn{
		{Name: "_BilledSize", Type: Real},
		{Name: "CorrelationId", Type: String, From: "CorrelationId"},
		{Name: "Destination", Type: String, Doc: "The backend's URL.", From: "BackendUrl"},
		{Name: "Error", Type: String, Doc: "Of a `" + SocketFailed + "` what went wrong."},
		{Name: "EventName", Type: String, Doc: "`" + SocketOpened + "`, `" + SocketFailed + "` or `" + SocketClosed + "`; Microsoft's reference lists no values."},
		{Name: "_IsBillable", Type: String, Const: "false"},
		{Name: "Region", Type: String, From: "Region"},
		{Name: "_ResourceId", Type: String, From: "Gateway"},
		{Name: "Source", Type: String, Doc: "The caller's address.", From: "CallerIpAddress"},
		{Name: "SourceSystem", Type: String, Const: "Weir"},
		{Name: "_SubscriptionId", Type: String},
		{Name: "TenantId", Type: String},
		{Name: "TimeGenerated", Type: Datetime, Doc: "When the event was.", From: "TimeGenerated"},
		{Name: "Type", Type: String, Const: "ApiManagementWebSocketConnectionLogs"},
	}}
}
