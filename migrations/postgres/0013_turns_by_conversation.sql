-- Deleting an account deletes its conversations, and each of them its turns: without this, by reading all turns there are.
create index turns_by_conversation on turns (conversation_id);
