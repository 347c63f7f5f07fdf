"""What every stage leans on and no stage owns: errors, settings, files, work items, progress, the command line."""
