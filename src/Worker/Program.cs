using ConsentSnapshots.Worker.Commands;

return await new CommandLine(Console.Out, Console.Error).InvokeAsync(args);
