package catalog

// files lists files, uploads and batches.
func files() []Operation {
	return []Operation{
		{ID: "files_list", Method: "GET", Dialect: "files", Stateful: true, Lists: "file", Page: filePage,
			Routes: at("/files", "Files_List", "listFiles", "listFiles")},
		{ID: "files_upload", Method: "POST", Dialect: "files", Body: Multipart, Stateful: true, Learns: []string{"id"},
			Routes: at("/files", "Files_Upload", "createFile", "createFile")},
		{ID: "files_import", Method: "POST", Dialect: "files", Body: JSON, Stateful: true, Learns: []string{"id"},
			Routes: at("/files/import", "Files_Import", "", "")},
		{ID: "files_get", Method: "GET", Dialect: "files", Stateful: true,
			Routes: at("/files/{file}", "Files_Get", "retrieveFile", "retrieveFile")},
		{ID: "files_delete", Method: "DELETE", Dialect: "files", Stateful: true,
			Routes: at("/files/{file}", "Files_Delete", "deleteFile", "deleteFile")},
		{ID: "files_getcontent", Method: "GET", Dialect: "files", Stateful: true,
			Routes: at("/files/{file}/content", "Files_GetContent", "downloadFile", "downloadFile")},

		{ID: "uploadfile_start", Method: "POST", Dialect: "uploads", Body: JSON, Stateful: true, Learns: []string{"id"},
			Routes: at("/uploads", "UploadFile_Start", "createUpload", "createUpload")},
		{ID: "uploadfile_part", Method: "POST", Dialect: "uploads", Body: Multipart, Stateful: true,
			Routes: at("/uploads/{upload}/parts", "UploadFile_Part", "addUploadPart", "addUploadPart")},
		{ID: "uploadfile_complete", Method: "POST", Dialect: "uploads", Body: JSON, Stateful: true, Learns: []string{"file.id"},
			Routes: at("/uploads/{upload}/complete", "UploadFile_Complete", "completeUpload", "completeUpload")},
		{ID: "uploadfile_cancel", Method: "POST", Dialect: "uploads", Body: JSON, Stateful: true,
			Routes: at("/uploads/{upload}/cancel", "UploadFile_Cancel", "cancelUpload", "cancelUpload")},

		{ID: "batch_list", Method: "GET", Dialect: "batches", Stateful: true, Lists: "batch", Page: plainPage,
			Routes: at("/batches", "Batch_List", "listBatches", "listBatches")},
		{ID: "batch_create", Method: "POST", Dialect: "batches", Body: JSON, Stateful: true, Names: allNames, Learns: []string{"id"},
			Routes: at("/batches", "Batch_Create", "createBatch", "createBatch")},
		{ID: "batch_get", Method: "GET", Dialect: "batches", Stateful: true, Learns: []string{"output_file_id", "error_file_id"},
			Routes: at("/batches/{batch}", "Batch_Get", "retrieveBatch", "retrieveBatch")},
		{ID: "batch_cancel", Method: "POST", Dialect: "batches", Body: JSON, Stateful: true, Learns: []string{"output_file_id", "error_file_id"},
			Routes: at("/batches/{batch}/cancel", "Batch_Cancel", "cancelBatch", "cancelBatch")},
	}
}

// training lists fine-tuning.
func training() []Operation {
	const job = "/fine_tuning/jobs/{fine_tuning_job}"
	trained := []string{"id", "fine_tuned_model", "result_files"}
	return []Operation{
		{ID: "finetuning_list", Method: "GET", Dialect: "fine_tuning", Stateful: true, Lists: "fine_tuning_job", Page: plainPage,
			Routes: at("/fine_tuning/jobs", "FineTuning_List", "listPaginatedFineTuningJobs", "listPaginatedFineTuningJobs")},
		{ID: "finetuning_create", Method: "POST", Dialect: "fine_tuning", Body: JSON, Stateful: true, Names: allNames, Learns: trained,
			Routes: at("/fine_tuning/jobs", "FineTuning_Create", "createFineTuningJob", "createFineTuningJob")},
		{ID: "finetuning_get", Method: "GET", Dialect: "fine_tuning", Stateful: true, Learns: trained,
			Routes: at(job, "FineTuning_Get", "retrieveFineTuningJob", "retrieveFineTuningJob")},
		{ID: "finetuning_delete", Method: "DELETE", Dialect: "fine_tuning", Stateful: true,
			Routes: at(job, "FineTuning_Delete", "", "")},
		{ID: "finetuning_getevents", Method: "GET", Dialect: "fine_tuning", Stateful: true,
			Routes: at(job+"/events", "FineTuning_GetEvents", "listFineTuningEvents", "listFineTuningEvents")},
		{ID: "finetuning_getcheckpoints", Method: "GET", Dialect: "fine_tuning", Stateful: true,
			Routes: at(job+"/checkpoints", "FineTuning_GetCheckpoints", "listFineTuningJobCheckpoints", "listFineTuningJobCheckpoints")},
		{ID: "finetuning_cancel", Method: "POST", Dialect: "fine_tuning", Body: JSON, Stateful: true,
			Routes: at(job+"/cancel", "FineTuning_Cancel", "cancelFineTuningJob", "cancelFineTuningJob")},
		{ID: "pause_fine_tuning_job", Method: "POST", Dialect: "fine_tuning", Body: JSON, Stateful: true,
			Routes: at(job+"/pause", "", "pauseFineTuningJob", "pauseFineTuningJob")},
		{ID: "resume_fine_tuning_job", Method: "POST", Dialect: "fine_tuning", Body: JSON, Stateful: true,
			Routes: at(job+"/resume", "", "resumeFineTuningJob", "resumeFineTuningJob")},
		{ID: "finetuning_copycheckpoint", Method: "POST", Dialect: "fine_tuning", Body: JSON, Stateful: true,
			Routes: at(job+"/checkpoints/{checkpoint}/copy", "", "FineTuning_CopyCheckpoint", "")},
		{ID: "finetuning_getcheckpoint", Method: "GET", Dialect: "fine_tuning", Stateful: true,
			Routes: at(job+"/checkpoints/{checkpoint}/copy", "", "FineTuning_GetCheckpoint", "")},
		{ID: "list_fine_tuning_checkpoint_permissions", Method: "GET", Dialect: "fine_tuning", Stateful: true,
			Routes: at("/fine_tuning/checkpoints/{model}/permissions", "", "listFineTuningCheckpointPermissions", "listFineTuningCheckpointPermissions")},
		{ID: "create_fine_tuning_checkpoint_permission", Method: "POST", Dialect: "fine_tuning", Body: JSON, Stateful: true,
			Routes: at("/fine_tuning/checkpoints/{model}/permissions", "", "createFineTuningCheckpointPermission", "createFineTuningCheckpointPermission")},
		{ID: "delete_fine_tuning_checkpoint_permission", Method: "DELETE", Dialect: "fine_tuning", Stateful: true,
			Routes: at("/fine_tuning/checkpoints/{model}/permissions/{permission}", "", "deleteFineTuningCheckpointPermission", "deleteFineTuningCheckpointPermission")},
		{ID: "run_grader", Method: "POST", Dialect: "fine_tuning", Body: JSON,
			Routes: at("/fine_tuning/alpha/graders/run", "", "runGrader", "runGrader")},
		{ID: "validate_grader", Method: "POST", Dialect: "fine_tuning", Body: JSON,
			Routes: at("/fine_tuning/alpha/graders/validate", "", "validateGrader", "validateGrader")},
	}
}

// management lists the operations on deployments: the classic surface's own, of
// the authoring previews up to 2023-03-15, and those of Azure Resource Manager.
func management() []Operation {
	const account = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.CognitiveServices/accounts/{account}/deployments"
	arm := func(path, id string) []Route { return []Route{{ARM, account + path, id}} }
	return []Operation{
		{ID: "deployments_list", Method: "GET", Dialect: "deployments", Stateful: true, Lists: "named_deployment",
			Routes: at("/deployments", "Deployments_List", "", "")},
		{ID: "deployments_create", Method: "POST", Dialect: "deployments", Body: JSON, Stateful: true, Learns: []string{"id"}, LearnsNames: true,
			Routes: at("/deployments", "Deployments_Create", "", "")},
		{ID: "deployments_get", Method: "GET", Dialect: "deployments", Stateful: true,
			Routes: at("/deployments/{named_deployment}", "Deployments_Get", "", "")},
		{ID: "deployments_update", Method: "PATCH", Dialect: "deployments", Body: JSON, Stateful: true,
			Routes: at("/deployments/{named_deployment}", "Deployments_Update", "", "")},
		{ID: "deployments_delete", Method: "DELETE", Dialect: "deployments", Stateful: true,
			Routes: at("/deployments/{named_deployment}", "Deployments_Delete", "", "")},
		{ID: "arm_deployments_list", Method: "GET", Dialect: "deployments", Routes: arm("", "Deployments_List")},
		{ID: "arm_deployments_get", Method: "GET", Dialect: "deployments", Routes: arm("/{name}", "Deployments_Get")},
		{ID: "arm_deployments_createorupdate", Method: "PUT", Dialect: "deployments", Body: JSON, Learns: []string{"name"}, LearnsNames: true, Routes: arm("/{name}", "Deployments_CreateOrUpdate")},
		{ID: "arm_deployments_update", Method: "PATCH", Dialect: "deployments", Body: JSON, Routes: arm("/{name}", "Deployments_Update")},
		{ID: "arm_deployments_delete", Method: "DELETE", Dialect: "deployments", Routes: arm("/{name}", "Deployments_Delete")},
	}
}
