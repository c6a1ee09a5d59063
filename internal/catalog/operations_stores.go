package catalog

// vectorStores lists vector stores, their files and batches of files.
func vectorStores() []Operation {
	const (
		store   = "/vector_stores/{vector_store}"
		file    = store + "/files/{member}"
		batches = store + "/file_batches"
		batch   = batches + "/{file_batch}"
	)
	return []Operation{
		{ID: "list_vector_stores", Method: "GET", Dialect: "vector_stores", Stateful: true, Lists: "vector_store", Page: orderedPage,
			Routes: at("/vector_stores", "List_Vector_Stores", "listVectorStores", "listVectorStores")},
		{ID: "create_vector_store", Method: "POST", Dialect: "vector_stores", Body: JSON, Stateful: true, Names: allNames, Learns: []string{"id"},
			Routes: at("/vector_stores", "Create_Vector_Store", "createVectorStore", "createVectorStore")},
		{ID: "get_vector_store", Method: "GET", Dialect: "vector_stores", Stateful: true,
			Routes: at(store, "Get_Vector_Store", "getVectorStore", "getVectorStore")},
		{ID: "modify_vector_store", Method: "POST", Dialect: "vector_stores", Body: JSON, Stateful: true,
			Routes: at(store, "Modify_Vector_Store", "modifyVectorStore", "modifyVectorStore")},
		{ID: "delete_vector_store", Method: "DELETE", Dialect: "vector_stores", Stateful: true,
			Routes: at(store, "Delete_Vector_Store", "deleteVectorStore", "deleteVectorStore")},
		{ID: "list_vector_store_files", Method: "GET", Dialect: "vector_stores", Stateful: true,
			Routes: at(store+"/files", "List_Vector_Store_Files", "listVectorStoreFiles", "listVectorStoreFiles")},
		{ID: "create_vector_store_file", Method: "POST", Dialect: "vector_stores", Body: JSON, Stateful: true, Names: allNames,
			Routes: at(store+"/files", "Create_Vector_Store_File", "createVectorStoreFile", "createVectorStoreFile")},
		{ID: "get_vector_store_file", Method: "GET", Dialect: "vector_stores", Stateful: true,
			Routes: at(file, "Get_Vector_Store_File", "getVectorStoreFile", "getVectorStoreFile")},
		{ID: "delete_vector_store_file", Method: "DELETE", Dialect: "vector_stores", Stateful: true,
			Routes: at(file, "Delete_Vector_Store_File", "deleteVectorStoreFile", "deleteVectorStoreFile")},
		{ID: "update_vector_store_file_attributes", Method: "POST", Dialect: "vector_stores", Body: JSON, Stateful: true,
			Routes: at(file, "Update_Vector_Store_File_Attributes", "updateVectorStoreFileAttributes", "updateVectorStoreFileAttributes")},
		{ID: "retrieve_vector_store_file_content", Method: "GET", Dialect: "vector_stores", Stateful: true,
			Routes: at(file+"/content", "Retrieve_Vector_Store_File_Content", "retrieveVectorStoreFileContent", "retrieveVectorStoreFileContent")},
		{ID: "search_vector_store", Method: "POST", Dialect: "vector_stores", Body: JSON, Stateful: true,
			Routes: at(store+"/search", "Search_Vector_Store", "searchVectorStore", "searchVectorStore")},
		{ID: "create_vector_store_file_batch", Method: "POST", Dialect: "vector_stores", Body: JSON, Stateful: true, Names: allNames,
			Routes: at(batches, "Create_Vector_Store_File_Batch", "createVectorStoreFileBatch", "createVectorStoreFileBatch")},
		{ID: "get_vector_store_file_batch", Method: "GET", Dialect: "vector_stores", Stateful: true,
			Routes: at(batch, "Get_Vector_Store_File_Batch", "getVectorStoreFileBatch", "getVectorStoreFileBatch")},
		{ID: "cancel_vector_store_file_batch", Method: "POST", Dialect: "vector_stores", Body: JSON, Stateful: true,
			Routes: at(batch+"/cancel", "Cancel_Vector_Store_File_Batch", "cancelVectorStoreFileBatch", "cancelVectorStoreFileBatch")},
		{ID: "list_vector_store_file_batch_files", Method: "GET", Dialect: "vector_stores", Stateful: true,
			Routes: at(batch+"/files", "List_Vector_Store_File_Batch_Files", "listFilesInVectorStoreBatch", "listFilesInVectorStoreBatch")},
	}
}

// containers lists the containers of code interpreters, and their files.
func containers() []Operation {
	const (
		container = "/containers/{container}"
		file      = container + "/files/{container_file}"
	)
	return []Operation{
		{ID: "list_containers", Method: "GET", Dialect: "containers", Stateful: true, Lists: "container", Page: orderedPage,
			Routes: at("/containers", "", "ListContainers", "ListContainers")},
		{ID: "create_container", Method: "POST", Dialect: "containers", Body: JSON, Stateful: true, Names: allNames, Learns: []string{"id"},
			Routes: at("/containers", "", "CreateContainer", "CreateContainer")},
		{ID: "retrieve_container", Method: "GET", Dialect: "containers", Stateful: true,
			Routes: at(container, "", "RetrieveContainer", "RetrieveContainer")},
		{ID: "delete_container", Method: "DELETE", Dialect: "containers", Stateful: true,
			Routes: at(container, "", "DeleteContainer", "DeleteContainer")},
		{ID: "create_container_file", Method: "POST", Dialect: "containers", Body: FormOrJSON, Stateful: true, Names: allNames,
			Routes: at(container+"/files", "", "CreateContainerFile", "CreateContainerFile")},
		{ID: "list_container_files", Method: "GET", Dialect: "containers", Stateful: true,
			Routes: at(container+"/files", "", "ListContainerFiles", "ListContainerFiles")},
		{ID: "retrieve_container_file", Method: "GET", Dialect: "containers", Stateful: true,
			Routes: at(file, "", "RetrieveContainerFile", "RetrieveContainerFile")},
		{ID: "delete_container_file", Method: "DELETE", Dialect: "containers", Stateful: true,
			Routes: at(file, "", "DeleteContainerFile", "DeleteContainerFile")},
		{ID: "retrieve_container_file_content", Method: "GET", Dialect: "containers", Stateful: true,
			Routes: at(file+"/content", "", "RetrieveContainerFileContent", "RetrieveContainerFileContent")},
	}
}

// evals lists evaluations, their runs and what these put out.
func evals() []Operation {
	const (
		eval = "/evals/{eval}"
		run  = eval + "/runs/{eval_run}"
	)
	both := func(path, id string) []Route { return at(path, id, id, id) }
	return []Operation{
		{ID: "list_evals", Method: "GET", Dialect: "evals", Stateful: true, Lists: "eval", Page: orderedPage, Routes: both("/evals", "listEvals")},
		{ID: "create_eval", Method: "POST", Dialect: "evals", Body: JSON, Stateful: true, Names: allNames, Learns: []string{"id"}, Routes: both("/evals", "createEval")},
		{ID: "get_eval", Method: "GET", Dialect: "evals", Stateful: true, Routes: both(eval, "getEval")},
		{ID: "update_eval", Method: "POST", Dialect: "evals", Body: JSON, Stateful: true, Routes: both(eval, "updateEval")},
		{ID: "delete_eval", Method: "DELETE", Dialect: "evals", Stateful: true, Routes: both(eval, "deleteEval")},
		{ID: "get_eval_runs", Method: "GET", Dialect: "evals", Stateful: true, Routes: both(eval+"/runs", "getEvalRuns")},
		{ID: "create_eval_run", Method: "POST", Dialect: "evals", Body: JSON, Stateful: true, Names: allNames, Routes: both(eval+"/runs", "createEvalRun")},
		{ID: "get_eval_run", Method: "GET", Dialect: "evals", Stateful: true, Routes: both(run, "getEvalRun")},
		{ID: "cancel_eval_run", Method: "POST", Dialect: "evals", Body: JSON, Stateful: true,
			// The specifications cancel by a POST to the run itself, the SDKs by one
			// to /cancel, which is what the backend gets.
			Routes: append(both(run, "cancelEvalRun"), both(run+"/cancel", "cancelEvalRun")...)},
		{ID: "delete_eval_run", Method: "DELETE", Dialect: "evals", Stateful: true, Routes: both(run, "deleteEvalRun")},
		{ID: "get_eval_run_output_items", Method: "GET", Dialect: "evals", Stateful: true, Routes: both(run+"/output_items", "getEvalRunOutputItems")},
		{ID: "get_eval_run_output_item", Method: "GET", Dialect: "evals", Stateful: true, Routes: both(run+"/output_items/{output_item}", "getEvalRunOutputItem")},
	}
}
